import { healthSchema, keySelfSchema, readinessSchema } from '#contracts';
import type { Configuration } from '#config';
import { CommandError } from '../command-error.js';
import { EXIT_NO_PERMISSION, EXIT_UNAVAILABLE } from '../exit-codes.js';
import { queueFace } from '../faces.js';
import { askRouter, type RouterOptions } from '../router-api.js';
import { finding, type Finding } from './finding.js';

export interface CheckedRouter {
  readonly findings: readonly Finding[];
  /** What was found in order, one sentence each. */
  readonly notes: readonly string[];
}

/** A running router: whether it is ready, what the key may do, whether each region has a dispatcher. */
export async function checkRouter(
  options: RouterOptions,
  configuration: Configuration | undefined,
): Promise<CheckedRouter> {
  const where = { address: new URL(options.url).host };
  const findings: Finding[] = [];
  const notes: string[] = [];
  try {
    const health = await askRouter(options, (router) => router.GET('/health'), healthSchema);
    notes.push(`router ${where.address}: ${health.answer.status}`);
    // 503 with a body of its own where it is not ready: anything but a ready router is a refusal here.
    const ready = await readiness(options);
    if (ready !== undefined)
      findings.push(
        finding('router_not_ready', where, ready, 'look into its log; see docs/operations/up.md'),
      );
    const self = (await askRouter(options, (router) => router.GET('/keys/self'), keySelfSchema)).answer;
    notes.push(
      self.key_id === null
        ? 'it has no keys: everybody may do everything'
        : `key ${self.key_id} of tenant ${self.tenant}: ${self.roles.join(', ')}`,
    );
    if (self.roles.includes('read')) findings.push(...(await checkQueue(options, configuration)));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { message, exitCode } = error;
    if (exitCode === EXIT_UNAVAILABLE) {
      const cure = 'start it with "beacon up", or correct --url';
      findings.push(finding('router_unreachable', where, message.split(': start one')[0] ?? message, cure));
    } else if (exitCode === EXIT_NO_PERMISSION) {
      const cure =
        'give a key that is valid there: --key-file FILE or BEACON_API_KEY; an admin makes one with "beacon keys create"';
      findings.push(finding('key_refused', where, message.split(';')[0] ?? message, cure));
    } else
      findings.push(finding('router_strange', where, message, 'correct --url: it is the API’s base URL'));
  }
  return { findings, notes };
}

async function readiness(options: RouterOptions): Promise<string | undefined> {
  let said: { status: string; database: boolean; nats: boolean } | undefined;
  await askRouter(
    options,
    async (router) => {
      const reply = await router.GET('/health/ready');
      const parsed = readinessSchema.safeParse(reply.data ?? reply.error);
      if (!parsed.success) return reply;
      said = parsed.data;
      // Both of its answers are answers.
      return { data: parsed.data, response: new Response(null, { status: 200 }) };
    },
    readinessSchema,
  );
  if (said === undefined || said.status === 'ready') return undefined;
  const away = [...(said.database ? [] : ['its database']), ...(said.nats ? [] : ['NATS'])];
  return `the router is not ready${away.length === 0 ? '' : `: it does not reach ${away.join(' and ')}`}`;
}

async function checkQueue(
  options: RouterOptions,
  configuration: Configuration | undefined,
): Promise<Finding[]> {
  const { regions } = (await askRouter(options, (router) => router.GET('/queue/status'), queueFace)).answer;
  const where = { address: new URL(options.url).host };
  const findings: Finding[] = [];
  const served: string[] = [];
  for (const [region, { dispatcher_alive: isAlive, endpoints = [] }] of Object.entries(regions)) {
    served.push(...endpoints.map(({ id }) => id));
    if (!isAlive) {
      const cure = `start the dispatcher with BEACON_REGION=${region} and the same NATS_URL`;
      findings.push(
        finding('dispatcher_missing', where, `no dispatcher of ${region} is alive: nothing runs there`, cure),
      );
    }
    for (const { id, state, last_error_code: code } of endpoints) {
      if (state !== 'down') continue;
      const what = `${id} is down${code === null ? '' : ` (${code})`}`;
      findings.push(
        finding('router_endpoint_down', where, what, 'see "beacon endpoints"; it is probed until it is back'),
      );
    }
  }
  const configured = configuration?.endpoints.map(({ id }) => id) ?? [];
  const missing = configured.filter((id) => !served.includes(id));
  // Customers are shown no endpoints.
  if (served.length > 0 && missing.length > 0) {
    const what = `the router runs with another configuration: it does not know ${missing.join(', ')}`;
    findings.push(finding('router_configured_otherwise', where, what, 'restart it with this file'));
  }
  return findings;
}
