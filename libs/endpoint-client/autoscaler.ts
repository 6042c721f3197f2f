import { RELEASE_MARGIN_S, type AutoscalerReply, type AutoscalerRequest } from '#contracts';
import type { AxiosInstance } from 'axios';
import { z } from 'zod';
import { credentialHeaders, type Endpoint, type EndpointCredentials } from './endpoint.js';
import { codeOf } from './hops.js';
import type { RequestLimiter } from './request-limiter.js';

/** For setting a window: the CPU gateway may have to start. */
const ANSWER_WITHIN_MS = 30_000;

const containers = z.int().min(0);
const windowSchema = z.object({
  status: z.literal('ok'),
  scaledown_window_s: z.number().min(0),
  containers,
});
const releaseSchema = z.object({ status: z.enum(['released', 'busy']), containers });

/** An endpoint whose platform can be told. */
export interface AutoscaledEndpoint extends Endpoint {
  readonly credentials: EndpointCredentials | undefined;
  readonly limiter: RequestLimiter | undefined;
}

/**
 * Tells an endpoint's platform how long idle containers stay, or to give them up now. Both are harmless twice, but
 * are not repeated here: whoever asked knows whether it still wants them. A redirect is no answer: nothing here takes
 * as long as the platform holds a request.
 */
export async function tellAutoscaler(
  client: AxiosInstance,
  endpoint: AutoscaledEndpoint,
  request: AutoscalerRequest,
  answerWithinMs = ANSWER_WITHIN_MS,
): Promise<AutoscalerReply> {
  const { autoscalerUrl, credentials, limiter } = endpoint;
  if (autoscalerUrl === undefined)
    return { kind: 'error', error: 'not_configured', detail: 'the endpoint has no autoscaler_url' };
  const isRelease = request.action === 'release';
  const withinMs = isRelease ? (request.timeout_s + RELEASE_MARGIN_S) * 1000 : answerWithinMs;
  const signal = AbortSignal.timeout(withinMs);
  try {
    await limiter?.turn(signal);
    const { status, data } = await client.request<string>({
      method: isRelease ? 'POST' : 'PUT',
      url: isRelease ? `${autoscalerUrl}/release` : autoscalerUrl,
      headers: { ...credentialHeaders(credentials), 'content-type': 'application/json' },
      data: JSON.stringify(
        isRelease ? { timeout_s: request.timeout_s } : { scaledown_window_s: request.scaledown_window_s },
      ),
      signal,
    });
    if (status !== 200)
      return { kind: 'error', error: 'refused', detail: `the autoscaler answered ${status}` };
    return (isRelease ? releaseOf(data) : windowOf(data)) ?? INVALID;
  } catch (error) {
    return { kind: 'error', error: 'unreachable', detail: `no answer came (${codeOf(error)})` };
  }
}

const INVALID: AutoscalerReply = {
  kind: 'error',
  error: 'invalid',
  detail: 'the answer of the autoscaler is not what the protocol says',
};

/** "Released" with containers left contradicts itself, and a GPU may hang on it: it counts as not released. */
function releaseOf(text: string): AutoscalerReply | undefined {
  const parsed = releaseSchema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { status, containers: left } = parsed.data;
  return { kind: 'release', released: status === 'released' && left === 0, containers: left };
}

function windowOf(text: string): AutoscalerReply | undefined {
  const parsed = windowSchema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  const { scaledown_window_s, containers: running } = parsed.data;
  return { kind: 'window', scaledown_window_s, containers: running };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
