import { endpointsByLongestWindow, type Configuration, type EndpointConfiguration } from '#config';
import { GPU_USD_PER_S, isModalUrl } from '#domain';
import { valueIn } from './document-draft.js';
import { finding, type Finding } from './finding.js';
import { nearest } from './nearest.js';
import type { Source } from './source.js';
import { writtenIn } from './written-endpoints.js';

/** Cold starts take 2 to 6 minutes; a call that may not take as long as most of them fails again and again. */
const USUAL_COLD_START_MS = 300_000;
/** A container that nobody asks costs as much as one that works. */
const LONG_WINDOW_S = 1800;
/** What Modal lets through. */
const MODAL_REQUESTS_PER_S = 200;
const EXAMPLE_HOST = /^example--/;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** What a configuration allows and is hardly meant. The endpoints stand where they stand in the file. */
export function checkEndpoints(
  configuration: Configuration,
  source: Source,
  places: readonly number[] = configuration.endpoints.map((_, index) => index),
): Finding[] {
  const at = (index: number, key: string) => source.at(['endpoints', places[index] ?? index, key]);
  return [
    ...configuration.endpoints.flatMap((endpoint, index) => [
      ...checkUrls(
        endpoint,
        (key) => at(index, key),
        (key) => valueIn(source.value, ['endpoints', places[index] ?? index, key]) !== undefined,
      ),
      ...checkContainer(endpoint, configuration, (key) => at(index, key)),
    ]),
    ...checkTwins(configuration, at),
    ...checkModels(configuration, source, at),
    ...checkRegions(configuration, source),
    ...checkLimits(configuration, source),
  ];
}

type At = (key: string) => ReturnType<Source['at']>;

function checkUrls(endpoint: EndpointConfiguration, at: At, isWritten: (key: string) => boolean): Finding[] {
  const { url, health_url: healthUrl } = endpoint;
  const call = new URL(url);
  const findings: Finding[] = [];
  if (EXAMPLE_HOST.test(call.hostname)) {
    const cure = 'put the URL there that "modal deploy" printed';
    findings.push(finding('url_placeholder', at('url'), `url of ${endpoint.id} is the example’s`, cure));
  }
  for (const key of ['url', 'health_url', 'jobs_url', 'autoscaler_url'] as const) {
    const value = endpoint[key];
    if (value === undefined) continue;
    const { protocol, hostname } = new URL(value);
    if (protocol === 'http:' && !LOOPBACK.test(hostname) && isPublic(hostname)) {
      const what = `${key} of ${endpoint.id} is not encrypted: prompts and credentials can be read on the way`;
      findings.push(finding('url_not_encrypted', at(key), what, 'write https://'));
    }
  }
  if (healthUrl === undefined) {
    // It is there, and wrong, which has been told.
    if (isWritten('health_url')) return findings;
    const what = `${endpoint.id} has no health_url: after a failure it is tried with a real call, which may start a GPU`;
    const cure = 'add the health_url of its deployment';
    return [...findings, finding('health_url_missing', at('url'), what, cure)];
  }
  const health = new URL(healthUrl);
  if (health.href === call.href) {
    const what = `health_url of ${endpoint.id} is its url: looking after its health would start a GPU`;
    const cure = 'name the GET route that wakes no GPU, usually /health';
    findings.push(finding('health_url_wakes', at('health_url'), what, cure));
  } else if (health.host !== call.host) {
    const what = `url and health_url of ${endpoint.id} are on two hosts (${call.host}, ${health.host}): one may be another region’s, and credentials go to that of url only`;
    const cure = `put health_url on ${call.host}, where it is the same deployment`;
    findings.push(finding('health_url_elsewhere', at('health_url'), what, cure));
  }
  return findings;
}

/** Names without a dot are a private network's. */
function isPublic(hostname: string): boolean {
  return hostname.includes('.') && !/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(hostname);
}

function checkContainer(
  endpoint: EndpointConfiguration,
  { prices, keep_warm: keepWarm }: Configuration,
  at: At,
): Finding[] {
  const { id, gpu, scaledown_window_s: windowS, warm, protocol, billed_by: billedBy } = endpoint;
  const findings: Finding[] = [];
  const paysGpu = (billedBy ?? (protocol === 'openai' ? 'tokens' : 'gpu')) !== 'tokens';
  const priced = [...Object.keys(GPU_USD_PER_S), ...prices.flatMap(({ gpus }) => Object.keys(gpus ?? {}))];
  if (paysGpu && !priced.includes(gpu)) {
    const meant = nearest(gpu, priced);
    const what = `no price is known for the gpu of ${id}: its cost is unknown, and budgets in dollars refuse it`;
    const cure = `${meant === undefined ? '' : `write "${meant}", or `}add its price under prices`;
    findings.push(finding('gpu_unknown', at('gpu'), what, cure));
  }
  if (!paysGpu) return findings;
  if (windowS === 0) {
    const what = `scaledown_window_s of ${id} is 0: every call is a cold start`;
    findings.push(
      finding(
        'scaledown_unusual',
        at('scaledown_window_s'),
        what,
        'write what the deployment has, usually 300',
      ),
    );
  } else if (windowS > LONG_WINDOW_S) {
    const what = `scaledown_window_s of ${id} is ${windowS}: an idle container holds and pays its GPU for so long`;
    const cure = 'write what the deployment has, usually 300; for more, use warm: auto';
    findings.push(finding('scaledown_unusual', at('scaledown_window_s'), what, cure));
  }
  if (warm !== 'off' && keepWarm.hybrid_window_s < windowS) {
    const what = `keep_warm.hybrid_window_s (${keepWarm.hybrid_window_s}) is below scaledown_window_s of ${id} (${windowS}): keeping it warm lets it go sooner`;
    findings.push(
      finding(
        'warm_window_short',
        at('scaledown_window_s'),
        what,
        'raise keep_warm.hybrid_window_s above it',
      ),
    );
  }
  return findings;
}

type AtEndpoint = (index: number, key: string) => ReturnType<Source['at']>;

/** Two endpoints that are one: its containers would be counted twice, its calls sent to the wrong region. */
function checkTwins({ endpoints }: Configuration, at: AtEndpoint): Finding[] {
  return endpoints.flatMap((endpoint, index) => {
    const twin = endpoints
      .slice(0, index)
      .find(
        ({ url, region, models }) =>
          new URL(url).href === new URL(endpoint.url).href &&
          (region !== endpoint.region || models.some((model) => endpoint.models.includes(model))),
      );
    if (twin === undefined) return [];
    const what =
      twin.region === endpoint.region
        ? `${endpoint.id} has the url of ${twin.id}, for the same model: one endpoint would be counted as two`
        : `${endpoint.id} (${endpoint.region}) has the url of ${twin.id} (${twin.region}): one of them is in the wrong region`;
    const cure = `give ${endpoint.id} the url of its own deployment${twin.region === endpoint.region ? ', or take it out' : ` in ${endpoint.region}`}`;
    return [finding('url_twice', at(index, 'url'), what, cure)];
  });
}

function checkModels({ endpoints, prices }: Configuration, source: Source, at: AtEndpoint): Finding[] {
  const served = [...new Set([...endpoints.flatMap(({ models }) => models), ...writtenIn(source).models])];
  const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const spelt = endpoints.flatMap(({ id, models }, index) =>
    models.flatMap((model) => {
      const other = served.find((each) => each !== model && plain(each) === plain(model));
      // Said where the rarer spelling stands.
      if (other === undefined || countOf(endpoints, other) < countOf(endpoints, model)) return [];
      if (
        countOf(endpoints, other) === countOf(endpoints, model) &&
        served.indexOf(other) > served.indexOf(model)
      )
        return [];
      const what = `${id} serves "${model}", others "${other}": to Beacon these are two models`;
      return [finding('model_spelling', at(index, 'models'), what, `write "${other}", if it is the same`)];
    }),
  );
  const twice = endpoints.flatMap(({ id, models }, index) =>
    [...new Set(models.filter((model, nth) => models.indexOf(model) < nth))].map((model) => {
      const what = `${id} names "${model}" twice`;
      return finding(
        'model_twice',
        at(index, 'models'),
        what,
        'name each model once, or write the one meant',
      );
    }),
  );
  const priced = prices.flatMap(({ models = {} }, index) =>
    Object.keys(models)
      .filter((model) => !served.includes(model))
      .map((model) => {
        const meant = nearest(model, served);
        const cure = meant === undefined ? 'take the price out, or add an endpoint' : `write "${meant}"`;
        const where = source.at(['prices', index, 'models', model]);
        return finding('model_unknown', where, `no endpoint serves "${model}", which has a price`, cure);
      }),
  );
  return [...spelt, ...twice, ...priced];
}

function countOf(endpoints: Configuration['endpoints'], model: string): number {
  return endpoints.filter(({ models }) => models.includes(model)).length;
}

function checkRegions({ regions }: Configuration, source: Source): Finding[] {
  const used = writtenIn(source).regions.map((name) => name.toLowerCase());
  return (
    Object.entries(regions)
      // Where an alias stands in place of the name, that is what has to be mended.
      .filter(([name, { aliases }]) => ![name, ...aliases].some((each) => used.includes(each.toLowerCase())))
      .map(([name]) => {
        const what = `region ${name} has no endpoint: jobs that are pinned there are refused`;
        return finding(
          'region_without_endpoint',
          source.at(['regions', name]),
          what,
          'add an endpoint there, or take the region out',
        );
      })
  );
}

function checkLimits(configuration: Configuration, source: Source): Finding[] {
  const { limits, timeouts, retries, breaker, endpoints, tasks } = configuration;
  const findings: Finding[] = [];
  const onGpus = endpoints.filter(({ protocol }) => protocol === 'modal-hf');
  const mute = onGpus.filter(({ autoscaler_url: autoscaler }) => autoscaler === undefined);
  if (limits.gpus < onGpus.length && mute.length > 0) {
    const windowS = Math.max(
      ...endpointsByLongestWindow(configuration).map(({ scaledown_window_s: each }) => each),
    );
    const what = `limits.gpus is ${limits.gpus} for ${onGpus.length} endpoints: they take turns, and ${mute.length} of them keep an idle GPU for up to ${windowS} s`;
    const cure =
      'add autoscaler_url to the endpoints, so that idle GPUs are handed on at once, or raise limits.gpus';
    findings.push(finding('gpu_limit_low', source.at(['limits', 'gpus']), what, cure));
  }
  if (limits.requests_per_s !== undefined && limits.requests_per_s > MODAL_REQUESTS_PER_S) {
    if (endpoints.some(({ url }) => isModalUrl(url))) {
      const what = `limits.requests_per_s is ${limits.requests_per_s}, and Modal refuses more than ${MODAL_REQUESTS_PER_S}`;
      const where = source.at(['limits', 'requests_per_s']);
      findings.push(finding('rate_above_platform', where, what, 'take it out: 150 is the default'));
    }
  }
  if (onGpus.length > 0 && timeouts.execution_ms < USUAL_COLD_START_MS) {
    const what = `timeouts.execution_ms is ${timeouts.execution_ms}: a call is given up before a cold start of 2 to 6 minutes has ended`;
    const cure = `write ${USUAL_COLD_START_MS} or more: waiting in a queue never counts`;
    findings.push(finding('timeout_below_cold_start', source.at(['timeouts', 'execution_ms']), what, cure));
  }
  for (const [type, { timeout_ms: timeoutMs }] of Object.entries(tasks ?? {})) {
    if (timeoutMs === undefined || timeoutMs >= USUAL_COLD_START_MS || onGpus.length === 0) continue;
    const what = `tasks.${type}.timeout_ms is ${timeoutMs}: tasks are given up during cold starts`;
    const where = source.at(['tasks', type, 'timeout_ms']);
    findings.push(finding('timeout_below_cold_start', where, what, `write ${USUAL_COLD_START_MS} or more`));
  }
  for (const [group, low, high, lowMs, highMs] of [
    ['retries', 'backoff_ms', 'backoff_max_ms', retries.backoff_ms, retries.backoff_max_ms],
    ['breaker', 'open_ms', 'open_max_ms', breaker.open_ms, breaker.open_max_ms],
  ] as const) {
    if (lowMs <= highMs) continue;
    const what = `${group}.${low} (${lowMs}) is above ${group}.${high} (${highMs})`;
    findings.push(
      finding('backoff_turned_round', source.at([group, high]), what, `raise ${high} above ${low}`),
    );
  }
  return findings;
}
