import type { Configuration, EndpointConfiguration } from '#config';
import { z } from 'zod';
import { causeOf } from '../router-api.js';
import { printable } from '../terminal/text-table.js';
import { finding, type CheckCode, type Finding, type Place } from './finding.js';

/** Endpoints of one deployment share a health route; so many routes are asked at once. */
const AT_ONCE = 8;
const CLOCK_SKEW_S = 60;
/** A health answer is small; what is larger is something else. */
const BODY_CHARS = 100_000;
const SHOWN_CHARS = 64;

const healthSchema = z.object({
  status: z.string(),
  region: z.string().nullish(),
  models_available: z.array(z.string()).nullish(),
});
const modelListSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

export interface ProbeOptions {
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the key of an endpoint stands in the file. */
  readonly at: (endpointIndex: number, key: string) => Place;
  readonly now: () => number;
}

export interface Probed {
  readonly findings: readonly Finding[];
  /** Addresses that were asked. */
  readonly asked: number;
  /** Endpoints that have no health_url. */
  readonly notAsked: readonly string[];
}

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly date: string | null;
}

/**
 * Asks every health route once, never a route that makes calls. What is behind it is held against the configuration. No
 * GPU is woken where health_url is what it has to be; the small container that answers may have to start.
 */
export async function probeEndpoints(
  { endpoints, regions }: Pick<Configuration, 'endpoints' | 'regions'>,
  options: ProbeOptions,
): Promise<Probed> {
  const byRoute = new Map<string, number[]>();
  const notAsked: string[] = [];
  for (const [index, endpoint] of endpoints.entries()) {
    const { health_url: url } = endpoint;
    // Its health route would make a call.
    if (url === undefined || url === endpoint.url) notAsked.push(endpoint.id);
    else {
      const route = `${url} ${Object.values(headersFor(endpoint, options)).join(' ')}`;
      byRoute.set(route, [...(byRoute.get(route) ?? []), index]);
    }
  }
  const waiting = [...byRoute.values()];
  const findings: Finding[][] = [];
  const worker = async (): Promise<void> => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const members = group.flatMap((index) => {
        const endpoint = endpoints[index];
        return endpoint === undefined ? [] : [{ index, endpoint }];
      });
      findings.push(await probeRoute(members, regions, options));
    }
  };
  const asked = waiting.length;
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, asked) }, worker));
  return { findings: findings.flat(), asked, notAsked };
}

interface Member {
  readonly index: number;
  readonly endpoint: EndpointConfiguration;
}

async function probeRoute(
  members: readonly Member[],
  regions: Configuration['regions'],
  options: ProbeOptions,
): Promise<Finding[]> {
  const [first] = members;
  const url = first?.endpoint.health_url;
  if (first === undefined || url === undefined) return [];
  const names = members.map(({ endpoint }) => endpoint.id).join(', ');
  const { host, pathname } = new URL(url);
  const where = { ...options.at(first.index, 'health_url'), address: `${host}${pathname}` };
  const one = (code: CheckCode, what: string, cure: string): Finding[] => [
    finding(code, where, `${names}: ${what}`, cure),
  ];
  let reply: Reply;
  try {
    reply = await get(url, headersFor(first.endpoint, options), options.timeoutMs);
  } catch (error) {
    return [unreachableFinding(error, where, names, options.timeoutMs)];
  }
  if (reply.status !== 200) return [refusedFinding(reply, where, names, first.endpoint, options)];
  return [
    ...clockFindings(reply, options.now(), one),
    ...(first.endpoint.protocol === 'openai'
      ? checkModelList(reply.body, members, options)
      : checkHealth(reply.body, members, regions, options, one)),
  ];
}

async function get(url: string, headers: Record<string, string>, timeoutMs: number): Promise<Reply> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  let body = '';
  for await (const chunk of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    body += String(chunk);
    if (body.length > BODY_CHARS) break;
  }
  return { status: response.status, body, date: response.headers.get('date') };
}

/** As the dispatchers do it: credentials go to the endpoint's own origin only. Here not unencrypted either. */
function headersFor(
  { url, health_url: healthUrl = '', protocol, api_key_env: keyName }: EndpointConfiguration,
  { environment }: ProbeOptions,
): Record<string, string> {
  if (new URL(healthUrl).origin !== new URL(url).origin) return {};
  const [key = '', secret = ''] = [environment['MODAL_KEY'], environment['MODAL_SECRET']];
  const token = keyName === undefined ? '' : (environment[keyName] ?? '').trim();
  if (protocol === 'openai') return token === '' ? {} : { authorization: `Bearer ${token}` };
  return key === '' || secret === '' ? {} : { 'modal-key': key.trim(), 'modal-secret': secret.trim() };
}

const CERTIFICATE = /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|ERR_SSL)/;

function unreachableFinding(error: unknown, where: Place, names: string, timeoutMs: number): Finding {
  const cause = causeOf(error);
  if ((error as { name?: unknown }).name === 'TimeoutError') {
    const what = `${names}: no answer within ${timeoutMs / 1000} s: its container may be starting`;
    return finding('endpoint_slow', where, what, 'ask again in a minute, or with a longer --timeout-s');
  }
  if (cause === 'ENOTFOUND' || cause === 'EAI_AGAIN') {
    const what = `${names}: there is no host of that name (${cause})`;
    return finding(
      'endpoint_host_unknown',
      where,
      what,
      'compare the URL with what "modal deploy" printed; check this machine’s DNS',
    );
  }
  if (CERTIFICATE.test(cause)) {
    const what = `${names}: its certificate is not accepted (${cause})`;
    const cure =
      'renew it, correct the host in the URL, or name its authority in NODE_EXTRA_CA_CERTS; http:// or https:// may be mixed up';
    return finding('endpoint_certificate', where, what, cure);
  }
  const what = `${names}: nothing answers there (${cause})`;
  return finding(
    'endpoint_unreachable',
    where,
    what,
    'start the deployment, or correct host and port; check firewall and proxy',
  );
}

function refusedFinding(
  { status, body }: Reply,
  where: Place,
  names: string,
  { protocol, api_key_env: keyName }: EndpointConfiguration,
  { environment }: ProbeOptions,
): Finding {
  const of = (code: CheckCode, what: string, cure: string): Finding =>
    finding(code, where, `${names}: ${what}`, cure);
  if (status === 401 || status === 403) {
    const isOpenAi = protocol === 'openai';
    const isGiven = (environment[isOpenAi ? (keyName ?? '') : 'MODAL_KEY'] ?? '') !== '';
    const name = isOpenAi ? (keyName ?? 'api_key_env') : 'MODAL_KEY and MODAL_SECRET';
    const token = isOpenAi ? 'its key' : 'the proxy auth token';
    return isGiven
      ? of(
          'endpoint_auth',
          `${token} is refused (${status})`,
          `set ${name} to one of this workspace that has not been deleted`,
        )
      : of(
          'endpoint_auth',
          `it wants ${isOpenAi ? 'a key' : 'a proxy auth token'} (${status})`,
          isOpenAi && keyName === undefined
            ? 'name the variable that holds its key in api_key_env'
            : `set ${name}`,
        );
  }
  if (status === 404 || status === 405 || status === 410) {
    const stopped = /stopped/i.test(body) ? 'its app is stopped' : 'there is nothing at this path';
    return of(
      'endpoint_not_deployed',
      `${stopped} (${status})`,
      'deploy it ("modal deploy"), or correct the URL: "modal app list" says what runs',
    );
  }
  if (status >= 300 && status < 400)
    return of(
      'endpoint_redirects',
      `it sends on to another address (${status})`,
      'write the address that it leads to; health routes answer at once',
    );
  if (status === 429) return of('endpoint_rate_limited', 'too many requests (429)', 'ask again in a minute');
  return of('endpoint_failing', `it answers ${status}`, 'look into its logs ("modal app logs")');
}

type One = (code: CheckCode, what: string, cure: string) => Finding[];

function clockFindings({ date }: Reply, now: number, one: One): Finding[] {
  const skewS = date === null ? 0 : Math.abs(Date.parse(date) - now) / 1000;
  if (!(skewS > CLOCK_SKEW_S)) return [];
  const cure = 'set this machine’s clock (NTP): signatures and deadlines depend on it';
  return one('endpoint_clock', `its clock and this machine’s are ${Math.round(skewS)} s apart`, cure);
}

function checkHealth(
  body: string,
  members: readonly Member[],
  regions: Configuration['regions'],
  { at }: ProbeOptions,
  one: One,
): Finding[] {
  const said = healthSchema.safeParse(parsed(body));
  if (!said.success) {
    const cure =
      'health_url is to answer {"status":"healthy","models_available":[…],"region":…}: correct the URL, or deploy what modal-deployment/ has';
    return one('endpoint_answer_strange', 'what answers there is not a deployment’s health', cure);
  }
  const { status, region, models_available: available } = said.data;
  if (status !== 'healthy')
    return one(
      'endpoint_unhealthy',
      `it says of itself: ${short(status)}`,
      'look into its logs ("modal app logs")',
    );
  return members.flatMap(({ index, endpoint }) => {
    const findings: Finding[] = [];
    const own = [endpoint.region, ...(regions[endpoint.region]?.aliases ?? [])].map((name) =>
      name.toLowerCase(),
    );
    if (region !== undefined && region !== null && !own.includes(region.toLowerCase())) {
      const other = Object.entries(regions).find(([name, { aliases }]) =>
        [name, ...aliases].some((each) => each.toLowerCase() === region.toLowerCase()),
      )?.[0];
      const what = `${endpoint.id}: it runs in "${short(region)}", and is configured for ${endpoint.region}: all its answers would be refused`;
      const cure =
        other === undefined
          ? `if that is ${endpoint.region}, add it to regions.${endpoint.region}.aliases; else correct the URL`
          : `give ${endpoint.id} the URLs of the deployment in ${endpoint.region}, or write region: ${other}`;
      findings.push(finding('endpoint_wrong_region', at(index, 'region'), what, cure));
    }
    if (available !== undefined && available !== null)
      findings.push(...missingModels(index, endpoint, available, at));
    return findings;
  });
}

function checkModelList(body: string, members: readonly Member[], { at }: ProbeOptions): Finding[] {
  const said = modelListSchema.safeParse(parsed(body));
  if (!said.success) return [];
  const available = said.data.data.map(({ id }) => id);
  return members.flatMap(({ index, endpoint }) => missingModels(index, endpoint, available, at));
}

function missingModels(
  index: number,
  { id, models }: EndpointConfiguration,
  available: readonly string[],
  at: ProbeOptions['at'],
): Finding[] {
  const missing = models.filter((model) => !available.includes(model));
  if (missing.length === 0) return [];
  const has = available.slice(0, 20).map(short).join(', ') || 'none';
  const what = `${id}: ${missing.join(', ')} is not deployed there; it has ${has}`;
  return [finding('endpoint_lacks_model', at(index, 'models'), what, 'deploy the model, or correct models')];
}

function short(text: string): string {
  return printable(text).slice(0, SHOWN_CHARS);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
