import { describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { loadConfiguration, parseConfiguration, resolveRegion } from './configuration.js';
import { ConfigurationError } from './configuration-error.js';

type Tree = Record<string, unknown>;

function anEndpoint(changes: Tree = {}): Tree {
  return {
    id: 'us-llama',
    region: 'US',
    models: ['llama3.2-1b'],
    url: 'https://us.example/llama',
    ...changes,
  };
}

function aDocument(changes: Tree = {}): Tree {
  return { regions: { US: { aliases: ['us-east'] }, EU: null }, endpoints: [anEndpoint()], ...changes };
}

function problemsWith(document: unknown): readonly string[] {
  try {
    parseConfiguration(stringify(document), 'beacon.yaml');
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('a configuration file', () => {
  it('needs no more than a region and an endpoint; the rest has defaults', () => {
    expect(parseConfiguration(stringify(aDocument()), 'beacon.yaml')).toEqual({
      http: { cors_origins: [], trusted_proxies: [], keep_alive_after_ms: 5000, keep_alive_every_ms: 15_000 },
      charter: { show_costs: false },
      assumed: { call_s: 30, cold_start_s: 150 },
      keep_warm: {
        hybrid_window_s: 600,
        hot_window_s: 1200,
        promote_attempts: 4,
        promote_within_s: 900,
        promote_cold_start_s: 45,
        demote_after_s: 1800,
      },
      limits: {
        endpoints: 8,
        gpus: 8,
        prompt_bytes: 262_144,
        body_bytes: 1_048_576,
        max_tokens: 32_768,
        run_cells: 100_000,
        requests_per_s_per_key: 1000,
        burst_per_key: 2000,
        requests_per_s_in_all: 0,
        burst_in_all: 10_000,
        wrong_keys_per_min: 300,
        queued_jobs_per_key: 100_000,
        queued_jobs_per_region: 0,
        unfinished_runs_per_key: 100,
        file_bytes: 209_715_200,
        file_bytes_per_tenant: 10_737_418_240,
        files_per_tenant: 10_000,
        upload_s: 3600,
        batch_lines: 50_000,
        unfinished_batches_per_tenant: 50,
        batch_jobs_at_once: 256,
      },
      webhooks: { allow_private_addresses: false, allowed_hosts: [] },
      timeouts: { execution_ms: 300_000, drain_ms: 10_000 },
      retries: { max_attempts: 4, backoff_ms: 2000, backoff_max_ms: 30_000, crashes_max: 3 },
      retention: {
        prompts_days: 0,
        results_days: 0,
        webhooks_days: 0,
        files_days: 30,
        sweep_interval_s: 300,
      },
      breaker: { failures: 2, open_ms: 2000, open_max_ms: 60_000 },
      handover: { linger_ms: 2000, turn_s: 1800 },
      priorities: { normal_ageing_s: 1800, low_ageing_s: 7200 },
      regions: { US: { aliases: ['us-east'] }, EU: { aliases: [] } },
      endpoints: [
        {
          id: 'us-llama',
          region: 'US',
          models: ['llama3.2-1b'],
          protocol: 'modal-hf',
          url: 'https://us.example/llama',
          poll_max_ms: 5000,
          gpu: 'T4',
          concurrency: 1,
          send_traceparent: false,
          scaledown_window_s: 300,
          warm: 'off',
        },
      ],
      questions: [],
      prices: [],
    });
  });

  it('may be JSON', () => {
    expect(parseConfiguration(JSON.stringify(aDocument()), 'beacon.json').endpoints).toHaveLength(1);
  });

  it('that sets more endpoints than the limit is refused by a message that says so', () => {
    const endpoints = Array.from({ length: 9 }, (_, index) => anEndpoint({ id: `us-${index}` }));
    expect(problemsWith(aDocument({ endpoints }))).toEqual([
      'endpoints: 9 endpoints, but limits.endpoints allows 8',
    ]);
    expect(problemsWith(aDocument({ endpoints, limits: { endpoints: 9 } }))).toEqual([]);
  });

  it('that gives two regions the same alias, in whatever letter case, is refused', () => {
    const regions = { US: { aliases: ['east'] }, EU: { aliases: ['East'] } };
    expect(problemsWith(aDocument({ regions }))).toEqual([
      'regions.EU.aliases: "East" already names region US',
    ]);
  });

  it("that uses a region's name as another's alias is refused", () => {
    const regions = { US: { aliases: [] }, EU: { aliases: ['us'] } };
    expect(problemsWith(aDocument({ regions }))).toEqual([
      'regions.EU.aliases: "us" already names region US',
    ]);
  });

  it("whose region's alias is the name of a later region is refused where the alias stands, and others with it", () => {
    const regions = { US: { aliases: ['us-east', 'eu'] }, EU: { aliases: ['us-east'] }, eu: null };
    expect(problemsWith(aDocument({ regions }))).toEqual([
      'regions.eu: "eu" already names region EU',
      'regions.US.aliases: "eu" already names region EU',
      'regions.EU.aliases: "us-east" already names region US',
    ]);
  });

  it('whose prices have a day twice, or name a region that is none, is refused', () => {
    const prices = [
      { from: '2026-12-01', region_multipliers: { MARS: 2 } },
      { from: '2026-12-01' },
      { from: 'soon', gpus: { T4: -1 } },
    ];
    expect(problemsWith(aDocument({ prices: prices.slice(0, 2) }))).toEqual([
      'prices[0].region_multipliers.MARS: is not one of regions',
      'prices[1].from: "2026-12-01" is used twice',
    ]);
    expect(problemsWith(aDocument({ prices: prices.slice(2) }))).toEqual([
      expect.stringMatching(/^prices\[0\]\.from: /),
      expect.stringMatching(/^prices\[0\]\.gpus\.T4: /),
    ]);
  });

  it('that uses an endpoint id twice is refused', () => {
    expect(problemsWith(aDocument({ endpoints: [anEndpoint(), anEndpoint()] }))).toEqual([
      'endpoints[1].id: "us-llama" is used twice',
    ]);
  });

  it('that places an endpoint in a region it does not define is refused', () => {
    expect(problemsWith(aDocument({ endpoints: [anEndpoint({ region: 'MARS' })] }))).toEqual([
      'endpoints[0].region: "MARS" is not one of regions (US, EU)',
    ]);
  });

  it('that takes the credentials of an endpoint to another origin, or by another protocol, is refused', () => {
    const elsewhere = anEndpoint({ jobs_url: 'https://evil.example/jobs' });
    expect(problemsWith(aDocument({ endpoints: [elsewhere] }))).toEqual([
      'endpoints[0].jobs_url: must be on the origin of url: the credentials go there',
    ]);
    const query = anEndpoint({ jobs_url: 'https://us.example/jobs?env=a' });
    expect(problemsWith(aDocument({ endpoints: [query] }))).toEqual([
      'endpoints[0].jobs_url: must have no query and no fragment: ids of calls are appended to it',
    ]);
    const jobs = anEndpoint({ protocol: 'openai', jobs_url: 'https://us.example/jobs' });
    expect(problemsWith(aDocument({ endpoints: [jobs] }))).toEqual([
      'endpoints[0].jobs_url: goes with the protocol modal-hf only',
    ]);
    const scaled = { protocol: 'openai', autoscaler_url: 'https://evil.example/autoscaler?m=1' };
    expect(problemsWith(aDocument({ endpoints: [anEndpoint(scaled)] }))).toEqual([
      'endpoints[0].autoscaler_url: goes with the protocol modal-hf only',
      'endpoints[0].autoscaler_url: must have no query and no fragment: "/release" is appended to it',
      'endpoints[0].autoscaler_url: must be on the origin of url: the credentials go there',
    ]);
    expect(problemsWith(aDocument({ endpoints: [anEndpoint({ warm: 'auto' })] }))).toEqual([
      'endpoints[0].warm: needs an autoscaler_url: the platform cannot be told otherwise',
    ]);
    expect(problemsWith(aDocument({ endpoints: [anEndpoint({ api_key_env: 'SOME_KEY' })] }))).toEqual([
      'endpoints[0].api_key_env: goes with the protocol openai only',
    ]);
    const fine = [
      anEndpoint({
        jobs_url: 'https://us.example/jobs',
        autoscaler_url: 'https://us.example/autoscaler/m',
        warm: 'on',
      }),
      anEndpoint({ id: 'other', protocol: 'openai', api_key_env: 'SOME_KEY' }),
    ];
    expect(problemsWith(aDocument({ endpoints: fine }))).toEqual([]);
  });

  it.each([
    'hooks.internal',
    'hooks.internal:8443',
    '10.1.2.3',
    '10.1.2.3:80',
    '10.0.0.0/8',
    'fd00::/8',
    '::1',
    '[::1]:9000',
  ])('lets webhooks go to %s', (host) =>
    expect(problemsWith(aDocument({ webhooks: { allowed_hosts: [host] } }))).toEqual([]),
  );

  it.each(['10.1.2.3', '10.1.0.0/16', '10.1.2.3/32', '::1', 'fd00:1::/32'])('takes the proxy %s', (proxy) =>
    expect(problemsWith(aDocument({ http: { trusted_proxies: [proxy] } }))).toEqual([]),
  );

  it('reports everything that is wrong at once', () => {
    const document = aDocument({ limits: { gpus: 0 }, retries: { max_attempts: 0 } });
    expect(problemsWith(document)).toHaveLength(2);
  });

  it.each<[string, Tree]>([
    ['limits.gpus', { limits: { gpus: 'FORBIDDEN' } }],
    ['limits.gpus', { limits: { gpus: 1.5 } }],
    ['limits.endpoints', { limits: { endpoints: 0 } }],
    ['limits.prompt_bytes', { limits: { prompt_bytes: -1 } }],
    ['limits', { limits: ['FORBIDDEN'] }],
    ['timeouts.execution_ms', { timeouts: { execution_ms: 'FORBIDDEN' } }],
    ['timeouts.drain_ms', { timeouts: { drain_ms: -1 } }],
    ['retries.max_attempts', { retries: { max_attempts: 101 } }],
    ['retries.backoff_ms', { retries: { backoff_ms: '2sFORBIDDEN' } }],
    ['retries.crashes_max', { retries: { crashes_max: 1 } }],
    ['http.keep_alive_after_ms', { http: { keep_alive_after_ms: -1 } }],
    ['http.keep_alive_every_ms', { http: { keep_alive_every_ms: 'FORBIDDEN' } }],
    ['retention.prompts_days', { retention: { prompts_days: -1 } }],
    ['retention.results_days', { retention: { results_days: 'FORBIDDEN' } }],
    ['retention.webhooks_days', { retention: { webhooks_days: 40_000 } }],
    ['breaker.failures', { breaker: { failures: 0 } }],
    ['priorities.low_ageing_s', { priorities: { low_ageing_s: -1 } }],
    ['regions', { regions: ['FORBIDDEN'] }],
    ['regions.US.aliases', { regions: { US: { aliases: 'FORBIDDEN' } } }],
    ['regions.US.aliases[0]', { regions: { US: { aliases: ['FORBIDDEN FORBIDDEN'] } } }],
    ['endpoints', { endpoints: [] }],
    ['endpoints', { endpoints: 'FORBIDDEN' }],
    ['endpoints[0].id', { endpoints: [anEndpoint({ id: 'FORBIDDEN/FORBIDDEN' })] }],
    ['endpoints[0].models', { endpoints: [anEndpoint({ models: [] })] }],
    ['endpoints[0].models', { endpoints: [anEndpoint({ models: 'FORBIDDEN' })] }],
    ['endpoints[0].protocol', { endpoints: [anEndpoint({ protocol: 'FORBIDDEN' })] }],
    ['endpoints[0].url', { endpoints: [anEndpoint({ url: 'ftp://user:FORBIDDEN@us.example/' })] }],
    ['endpoints[0].url', { endpoints: [anEndpoint({ url: undefined })] }],
    ...['url', 'health_url', 'jobs_url', 'autoscaler_url'].flatMap((key) =>
      ['https://user:FORBIDDEN@us.example/', 'https://FORBIDDEN@us.example/'].map((url): [string, Tree] => [
        `endpoints[0].${key}`,
        { endpoints: [anEndpoint({ [key]: url })] },
      ]),
    ),
    ['endpoints[0].health_url', { endpoints: [anEndpoint({ health_url: 'FORBIDDEN' })] }],
    ['endpoints[0].jobs_url', { endpoints: [anEndpoint({ jobs_url: 'FORBIDDEN' })] }],
    ['endpoints[0].poll_max_ms', { endpoints: [anEndpoint({ poll_max_ms: 1 })] }],
    ['endpoints[0].workspace', { endpoints: [anEndpoint({ workspace: '' })] }],
    ['endpoints[0].api_key_env', { endpoints: [anEndpoint({ api_key_env: 'BEACON_FORBIDDEN' })] }],
    ['limits.requests_per_s', { limits: { requests_per_s: -1 } }],
    ['endpoints[0].concurrency', { endpoints: [anEndpoint({ concurrency: 0 })] }],
    ['endpoints[0].scaledown_window_s', { endpoints: [anEndpoint({ scaledown_window_s: null })] }],
    ...[
      'FORBIDDEN/8',
      '10.0.0.0/33',
      '10.0.0.0/',
      'a:0',
      'a:65536',
      'http://FORBIDDEN',
      'a b',
      'fe80::1%eth0',
    ].map((host): [string, Tree] => ['webhooks.allowed_hosts[0]', { webhooks: { allowed_hosts: [host] } }]),
    ...[
      'proxy.internal',
      '10.1.2',
      '10.0.0.0/33',
      '::/129',
      '0.0.0.0/0',
      '::/0',
      '10.1.2.3:80',
      'fe80::1%eth0',
      '',
    ].map((proxy): [string, Tree] => ['http.trusted_proxies[0]', { http: { trusted_proxies: [proxy] } }]),
    ['questions[0].text', { questions: [{ id: 'q1' }] }],
    ['questions[0].id', { questions: [{ id: '', text: 'FORBIDDEN' }] }],
  ])('with a bad %s is refused by a message that names it and prints no value: %j', (key, changes) => {
    const problems = problemsWith(aDocument(changes));
    expect(problems).toContainEqual(expect.stringContaining(`${key}: `));
    expect(problems.join()).not.toContain('FORBIDDEN');
  });

  it.each<[string, Tree]>([
    ['limit', { limit: { gpus: 8 } }],
    ['gpu', { limits: { gpu: 8 } }],
    ['retrys', { endpoints: [anEndpoint({ retrys: 1 })] }],
  ])('with the unknown key %s is refused by a message that names it', (key, changes) => {
    expect(problemsWith(aDocument(changes))).toEqual([expect.stringContaining(`"${key}"`)]);
  });

  it.each([
    ['nothing', ''],
    ['a scalar', 'FORBIDDEN'],
    ['broken YAML', 'regions: {US: FORBIDDEN'],
    ['a key given twice', 'limits: { gpus: 1 }\nlimits: { gpus: 2 }'],
  ])('that holds %s is refused by a message that names the file', (_what, text) => {
    const parse = () => parseConfiguration(text, 'beacon.yaml');
    expect(parse).toThrow(ConfigurationError);
    expect(parse).toThrow(/^beacon\.yaml: /);
    expect(parse).not.toThrow(/FORBIDDEN/);
  });

  it('that is empty is refused by a message that says where to begin', () => {
    expect(() => parseConfiguration('# later\n', 'beacon.yaml')).toThrow(
      /is empty: deploy\/beacon\.example\.yaml/,
    );
  });

  it('that cannot be read is refused by a message that names it', () => {
    expect(() => loadConfiguration('/nowhere/beacon.yaml')).toThrow(
      '/nowhere/beacon.yaml: cannot be read (ENOENT)',
    );
  });
});

describe('the name of a region', () => {
  const configuration = parseConfiguration(stringify(aDocument()), 'beacon.yaml');

  it.each([
    ['US', 'US'],
    ['us', 'US'],
    ['US-East', 'US'],
    ['eu', 'EU'],
    ['us-west', undefined],
    ['', undefined],
  ])('%j is resolved to %s', (name, region) => {
    expect(resolveRegion(configuration, name)).toBe(region);
  });
});

describe('task types', () => {
  const aType = (changes: Tree = {}): Tree => ({ owner: 'code_ang', model: 'llama3.2-1b', ...changes });
  const problems = (type: Tree): readonly string[] =>
    problemsWith(aDocument({ tasks: { code_generation: type } }));

  it('are routed to a model that is served, and have defaults', () => {
    const parsed = parseConfiguration(stringify(aDocument({ tasks: { research: aType() } })), 'x');
    expect(parsed.tasks?.['research']).toEqual({
      owner: 'code_ang',
      model: 'llama3.2-1b',
      region_policy: 'prefer',
      max_tokens: 2048,
      temperature: 0.1,
      result_summary_bytes: 500,
    });
  });

  it.each<[string, Tree, string]>([
    ['a model that nobody serves', { model: 'gpt' }, 'tasks.code_generation.model: no endpoint serves "gpt"'],
    [
      'a region that is none',
      { region: 'MARS' },
      'tasks.code_generation.region: "MARS" is not one of regions',
    ],
    [
      'a pin to a region without the model',
      { region: 'EU', region_policy: 'pin' },
      'tasks.code_generation.region: no endpoint in EU serves "llama3.2-1b"',
    ],
    [
      'a pin to nowhere',
      { region_policy: 'pin' },
      'tasks.code_generation.region: is required when region_policy is "pin"',
    ],
    [
      'more tokens than a job may ask for',
      { max_tokens: 100_000 },
      'tasks.code_generation.max_tokens: is above limits.max_tokens (32768)',
    ],
  ])('refuse %s', (_title, changes, expected) => {
    expect(problems(aType(changes))).toEqual([expected]);
    expect(problems(aType({ region: 'us-east', region_policy: 'pin' }))).toEqual([]);
  });
});
