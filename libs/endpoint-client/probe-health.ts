import type { AxiosInstance } from 'axios';
import { z } from 'zod';
import { credentialHeaders, type Endpoint, type EndpointCredentials } from './endpoint.js';
import { codeOf } from './hops.js';
import { isNameOf } from './protocols.js';

/** Giving up on a gateway that is starting would end its start: it is waited for as long as any other request. */
const PROBE_TIMEOUT_MS = 170_000;

/** Whatever else a deployment says of itself is its own business. */
const healthSchema = z.object({ status: z.string(), region: z.string().nullish() });

export interface Health {
  readonly healthy: boolean;
  /** For people. */
  readonly detail: string;
}

/**
 * Asks the endpoint's CPU gateway; a URL that wakes a GPU must never be configured for this. A deployment that says
 * it runs in another region is not healthy: every answer of it would be refused.
 * @param signal gives up
 */
export async function probeHealth(
  client: AxiosInstance,
  endpoint: Endpoint,
  credentials: EndpointCredentials | undefined,
  signal?: AbortSignal,
): Promise<Health> {
  if (endpoint.healthUrl === undefined)
    return { healthy: true, detail: 'no health_url: the next call is the probe' };
  try {
    const response = await client.request<string>({
      method: 'GET',
      url: endpoint.healthUrl,
      // They are sent to the endpoint's own origin only, wherever its health is told.
      headers: isOwnOrigin(endpoint) ? credentialHeaders(credentials) : {},
      signal: AbortSignal.any([
        AbortSignal.timeout(PROBE_TIMEOUT_MS),
        ...(signal === undefined ? [] : [signal]),
      ]),
    });
    if (response.status !== 200) return { healthy: false, detail: `health answered ${response.status}` };
    // Only this protocol says more than its status.
    if (endpoint.protocol === 'openai') return { healthy: true, detail: 'healthy' };
    const said = healthSchema.safeParse(JSON.parse(response.data));
    if (!said.success || said.data.status !== 'healthy')
      return { healthy: false, detail: 'health says otherwise' };
    const { region } = said.data;
    return region === undefined || region === null || isNameOf(endpoint, region)
      ? { healthy: true, detail: 'healthy' }
      : { healthy: false, detail: `health attests region "${region.slice(0, 64)}", not ${endpoint.region}` };
  } catch (error) {
    return { healthy: false, detail: `health cannot be read (${codeOf(error)})` };
  }
}

function isOwnOrigin({ url, healthUrl }: Endpoint): boolean {
  return healthUrl !== undefined && new URL(healthUrl).origin === new URL(url).origin;
}
