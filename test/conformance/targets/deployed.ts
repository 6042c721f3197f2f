import { loadConfiguration, type EndpointConfiguration } from '#config';
import type { Target } from '../target.js';

/** A cold start of six minutes, and the answer after it. */
const CALL_MS = 600_000;

export interface Deployed {
  readonly id: string;
  readonly start: () => Promise<Target>;
}

/** Every endpoint of a configuration, as it is deployed. @param path a Beacon configuration file */
export function deployedTargets(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Deployed[] {
  const { endpoints, regions } = loadConfiguration(path);
  const { MODAL_KEY: key, MODAL_SECRET: secret } = environment;
  const credentials =
    key === undefined || secret === undefined ? undefined : { 'modal-key': key, 'modal-secret': secret };
  const targetOf = (endpoint: EndpointConfiguration): Target => {
    const { url, health_url: healthUrl, jobs_url: jobsUrl, models, region } = endpoint;
    const [first, ...others] = models;
    if (first === undefined || healthUrl === undefined)
      throw new Error(`${endpoint.id} needs a health_url to be tested`);
    return {
      ...{ urlOf: () => url, healthUrl, jobsUrl, credentials, hasEdge: true, callMs: CALL_MS },
      models: [first, ...others],
      regionNames: [region, ...(regions[region]?.aliases ?? [])],
      stop: () => Promise.resolve(),
    };
  };
  return endpoints
    .filter(({ protocol }) => protocol === 'modal-hf')
    .map((endpoint) => ({ id: endpoint.id, start: () => Promise.resolve(targetOf(endpoint)) }));
}
