import { loadConfiguration, type EndpointConfiguration } from '#config';
import type { Candidate } from '../target.js';

/** A cold start of six minutes, and the answer after it. */
const CALL_MS = 600_000;
/** They are paid for, and take seconds each. */
const JOBS_AHEAD = 3;
/** A call, and then some. */
const LIMIT_MS = 900_000;
const PROTOCOL = 'modal-hf';

/**
 * Every endpoint of a configuration that speaks the protocol, as it is deployed.
 * @param path a Beacon configuration file
 * @throws where it has none, or one without what the suite needs
 */
export function deployedCandidates(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Candidate[] {
  const { endpoints, regions } = loadConfiguration(path);
  const { MODAL_KEY: key, MODAL_SECRET: secret } = environment;
  const credentials =
    key === undefined || secret === undefined ? undefined : { 'modal-key': key, 'modal-secret': secret };
  const candidateOf = (endpoint: EndpointConfiguration): Candidate => {
    const {
      id,
      url,
      health_url: healthUrl,
      jobs_url: jobsUrl,
      autoscaler_url: autoscalerUrl,
      models,
      region,
    } = endpoint;
    const [first, ...others] = models;
    if (first === undefined || healthUrl === undefined)
      throw new Error(`${path}: ${id} needs models and a health_url to be tested`);
    return {
      title: `what is deployed as ${id}`,
      limitMs: LIMIT_MS,
      traits: {
        isGuarded: credentials !== undefined,
        offersJobs: jobsUrl !== undefined,
        offersAutoscaler: jobsUrl !== undefined && autoscalerUrl !== undefined,
        hasEdge: true,
        isCold: false,
      },
      start: () =>
        Promise.resolve({
          ...{ urlOf: () => url, healthUrl, jobsUrl, credentials, callMs: CALL_MS, jobsAhead: JOBS_AHEAD },
          autoscalerUrlOf:
            autoscalerUrl === undefined ? undefined : (model) => siblingOf(autoscalerUrl, first, model),
          windowS: endpoint.scaledown_window_s,
          models: [first, ...others],
          regionNames: [region, ...(regions[region]?.aliases ?? [])],
          stop: () => Promise.resolve(),
        }),
    };
  };
  const candidates = endpoints.filter(({ protocol }) => protocol === PROTOCOL).map(candidateOf);
  if (candidates.length === 0)
    throw new Error(`${path} has no endpoint of protocol ${PROTOCOL}: there is nothing to test`);
  return candidates;
}

/** An endpoint's configuration knows its own model's autoscaler only; a gateway has one for each of its models. */
function siblingOf(autoscalerUrl: string, own: string, model: string): string {
  return model === own ? autoscalerUrl : new URL(`./${model}`, autoscalerUrl).href;
}
