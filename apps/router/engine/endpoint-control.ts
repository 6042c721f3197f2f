import type { Configuration } from '#config';
import {
  RELEASE_MARGIN_S,
  autoscalerReplySchema,
  subjects,
  type AutoscalerReply,
  type AutoscalerRequest,
} from '#contracts';
import { requestJson, type NatsConnection } from '#messaging';

/** How long a platform may take to give up an idle container; Modal's shortest window is 2 s. */
const RELEASE_TIMEOUT_S = 15;
/** By then a release is answered, or nobody knows. */
export const RELEASE_WITHIN_MS = (RELEASE_TIMEOUT_S + RELEASE_MARGIN_S + 3) * 1000;
/** For setting a window: longer than the dispatcher waits for the platform. */
const REPLY_WITHIN_MS = 35_000;

/**
 * `released`: no container is left, the endpoint holds no GPU until it is called again. `busy`: a call runs or waits
 * there, or the container was not gone in time: it holds its GPU. `unavailable`: nobody could be told, or nobody
 * knows: it is to be taken to hold its GPU as before.
 */
export type ReleaseResult = 'released' | 'busy' | 'unavailable';

/** Tells platforms, through the region's dispatcher, what to do with idle containers. Never throws. */
export class EndpointControl {
  /** Endpoints whose platform can be told, and their regions. */
  private readonly regionById: ReadonlyMap<string, string>;

  constructor(
    private readonly connection: NatsConnection,
    configuration: Pick<Configuration, 'endpoints'>,
    private readonly replyWithinMs = REPLY_WITHIN_MS,
  ) {
    this.regionById = new Map(
      configuration.endpoints
        .filter(({ autoscaler_url: url }) => url !== undefined)
        .map(({ id, region }) => [id, region]),
    );
  }

  /** Whether there is anybody to tell; otherwise every answer is `unavailable`, at once. */
  canBeTold(endpointId: string): boolean {
    return this.regionById.has(endpointId);
  }

  /** Has idle containers given up now. Never stops a running call; the scale-down window stays what it was. */
  async release(endpointId: string, withinMs = RELEASE_WITHIN_MS): Promise<ReleaseResult> {
    const request = { action: 'release', endpoint_id: endpointId, timeout_s: RELEASE_TIMEOUT_S } as const;
    const reply = await this.ask(request, withinMs);
    if (reply?.kind !== 'release') return 'unavailable';
    return reply.released ? 'released' : 'busy';
  }

  /** Sets how long idle containers stay, until the next deploy. `unavailable`: either window may be in force. */
  async setWindow(endpointId: string, windowS: number): Promise<'set' | 'unavailable'> {
    const reply = await this.ask({
      action: 'set_window',
      endpoint_id: endpointId,
      scaledown_window_s: windowS,
    });
    return reply?.kind === 'window' ? 'set' : 'unavailable';
  }

  private async ask(
    request: AutoscalerRequest,
    withinMs = this.replyWithinMs,
  ): Promise<AutoscalerReply | undefined> {
    const region = this.regionById.get(request.endpoint_id);
    if (region === undefined) return undefined;
    return requestJson(
      this.connection,
      subjects.autoscalerSubject(region),
      request,
      autoscalerReplySchema,
      withinMs,
    );
  }
}
