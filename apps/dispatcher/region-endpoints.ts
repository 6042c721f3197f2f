import { ConfigurationError, type Configuration, type EndpointConfiguration, type Settings } from '#config';
import { isModalUrl, workspaceOf } from '#domain';
import { RequestLimiter, type Endpoint, type EndpointCredentials } from '#endpoint-client';

/** What a dispatcher knows of one of its endpoints. */
export interface RegionEndpoint extends Endpoint {
  /** Calls in flight at once. */
  readonly concurrency: number;
  readonly credentials: EndpointCredentials | undefined;
  /** Shared by all endpoints of its workspace. */
  readonly limiter: RequestLimiter | undefined;
}

/** Modal refuses more than 200 in a second; room is left for what else calls the workspace. */
const MODAL_REQUESTS_PER_S = 150;
/** What may go at once after a pause: a question to every endpoint, and then some. */
const BURST_S = 1;

/**
 * One region's endpoints, each with its credentials and its share of the workspace's request rate.
 * @throws ConfigurationError where a key that an endpoint names is not in the environment
 */
export function regionEndpoints(
  region: string,
  settings: Settings,
  configuration: Configuration,
  environment: Readonly<Record<string, string | undefined>>,
): RegionEndpoint[] {
  const limiters = new Map<string, RequestLimiter>();
  const regionNames = [region, ...(configuration.regions[region]?.aliases ?? [])];
  return configuration.endpoints
    .filter((endpoint) => endpoint.region === region)
    .map((endpoint) => {
      const workspace = workspaceOf(endpoint);
      const limiter = limiters.get(workspace) ?? limiterOf(workspace, configuration);
      limiters.set(workspace, limiter);
      return {
        id: endpoint.id,
        region,
        regionNames,
        protocol: endpoint.protocol,
        url: endpoint.url,
        jobsUrl: endpoint.jobs_url?.replace(/\/+$/, ''),
        pollMaxMs: endpoint.poll_max_ms,
        autoscalerUrl: endpoint.autoscaler_url?.replace(/\/+$/, ''),
        healthUrl: endpoint.health_url,
        sendTraceparent: endpoint.send_traceparent,
        concurrency: endpoint.concurrency,
        credentials: credentialsOf(endpoint, settings, environment),
        limiter,
      };
    });
}

/**
 * The workspace's rate is divided among the regions that call it, each of which has a dispatcher of its own: no word
 * between them is needed to stay below it.
 */
function limiterOf(workspace: string, { endpoints, limits }: Configuration): RequestLimiter {
  const sharing = endpoints.filter((endpoint) => workspaceOf(endpoint) === workspace);
  const regions = new Set(sharing.map(({ region }) => region)).size;
  const isModal = sharing.some(({ url }) => isModalUrl(url));
  const requestsPerS = (limits.requests_per_s ?? (isModal ? MODAL_REQUESTS_PER_S : 0)) / regions;
  return new RequestLimiter(requestsPerS, Math.max(1, requestsPerS * BURST_S));
}

function credentialsOf(
  { id, protocol, api_key_env: keyName }: EndpointConfiguration,
  { modalKey, modalSecret }: Settings,
  environment: Readonly<Record<string, string | undefined>>,
): EndpointCredentials | undefined {
  switch (protocol) {
    case 'openai': {
      if (keyName === undefined) return undefined;
      const apiKey = environment[keyName];
      if (apiKey === undefined || apiKey === '')
        throw new ConfigurationError('environment', [
          `${keyName} is not set; endpoint ${id} names it as its key`,
        ]);
      return { apiKey };
    }
    case 'modal-hf':
      return modalKey === undefined || modalSecret === undefined ? undefined : { modalKey, modalSecret };
  }
}
