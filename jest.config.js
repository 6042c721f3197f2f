/** @type {import('jest').Config} */
export default {
  rootDir: '.',
  testMatch: ['<rootDir>/{apps,libs,test}/**/*.spec.ts'],
  // What was built, and the packages of tools that were fetched.
  modulePathIgnorePatterns: ['<rootDir>/dist(\\.new|\\.old)?/', '<rootDir>/.beacon/'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/dependency-rules/fixtures/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { swcrc: false, ...(await swcOptions()) }],
    // An ES module that a CommonJS package requires: Node can do that, Jest on Node 20 cannot.
    '/node_modules/content-disposition/.+\\.js$': [
      '@swc/jest',
      { swcrc: false, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!content-disposition/)'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironmentOptions: { customExportConditions: ['beacon-source', 'node', 'node-addons'] },
  globalSetup: '<rootDir>/test/set-up-run.js',
  globalTeardown: '<rootDir>/test/tear-down-run.js',
  testSequencer: '<rootDir>/test/longest-first.js',
  // On two cores: while one waits for what it started, the others work.
  maxWorkers: 3,
  // Nothing is quick because of it: a test that hangs is ended, on a busy machine too.
  testTimeout: 300_000,
};

/** The build's own SWC settings without its list of files to leave out, which holds the specs. */
async function swcOptions() {
  const { readFile } = await import('node:fs/promises');
  const {
    exclude: _specs,
    $schema: _schema,
    ...options
  } = JSON.parse(await readFile(new URL('.swcrc', import.meta.url), 'utf8'));
  return options;
}
