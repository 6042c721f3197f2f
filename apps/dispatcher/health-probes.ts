import { setTimeout as wait } from 'node:timers/promises';
import type { ProbeReply } from '#contracts';
import { probeHealth, type HttpClient } from '#endpoint-client';
import type { RegionEndpoint } from './region-endpoints.js';

/** The router waits a little longer than this for word. */
const ANSWER_WITHIN_MS = 5000;
/** An answer that nobody has asked for in so long says nothing about now. */
const HEARD_WITHIN_MS = 60_000;

/**
 * Probes of endpoints that are down, one at a time each. A gateway that is itself starting answers late, and giving
 * up on it would end its start: the probe goes on, and whoever asks next hears what it found.
 */
export class HealthProbes {
  private readonly running = new Map<string, Probe>();

  constructor(
    private readonly client: HttpClient['axios'],
    private readonly answerWithinMs = ANSWER_WITHIN_MS,
    private readonly heardWithinMs = HEARD_WITHIN_MS,
  ) {}

  async ask(endpoint: RegionEndpoint): Promise<ProbeReply> {
    const known = this.running.get(endpoint.id);
    const isKnown = known !== undefined && !known.wasAnsweredBefore(this.heardWithinMs);
    const probe = isKnown ? known : this.begin(endpoint);
    probe.insist();
    const abort = new AbortController();
    const pending: ProbeReply = { healthy: false, pending: true, detail: 'health has not answered yet' };
    const late = wait(this.answerWithinMs, pending, { signal: abort.signal }).catch(() => pending);
    const reply = await Promise.race([probe.reply, late]);
    abort.abort();
    if (reply.pending !== true && this.running.get(endpoint.id) === probe) this.running.delete(endpoint.id);
    return reply;
  }

  private begin(endpoint: RegionEndpoint): Probe {
    const probe = new Probe(
      (signal) => probeHealth(this.client, endpoint, endpoint.credentials, signal),
      this.answerWithinMs,
    );
    this.running.set(endpoint.id, probe);
    return probe;
  }
}

/**
 * Requests for the health of one endpoint until one of them is answered. A request that was lost on its way never is,
 * so another one is made beside it, each after twice the time of the one before: an endpoint that is back is heard
 * of before it has been back for longer than it was silent, and a slow gateway is not flooded.
 */
class Probe {
  readonly reply: Promise<ProbeReply>;
  private readonly begunMs = performance.now();
  private readonly abort = new AbortController();
  private answeredMs: number | undefined;
  private settle: (reply: ProbeReply) => void = () => undefined;

  constructor(
    private readonly request: (signal: AbortSignal) => Promise<ProbeReply>,
    private nextAfterMs: number,
  ) {
    this.reply = new Promise((resolve) => (this.settle = resolve));
    this.send();
  }

  wasAnsweredBefore(agoMs: number): boolean {
    return this.answeredMs !== undefined && performance.now() - this.answeredMs > agoMs;
  }

  /** Makes another request if it is time for one. */
  insist(): void {
    if (this.abort.signal.aborted || performance.now() - this.begunMs < this.nextAfterMs) return;
    this.nextAfterMs *= 2;
    this.send();
  }

  private send(): void {
    // A failure is a reply, too: nothing is thrown.
    void this.request(this.abort.signal).then((reply) => {
      this.answeredMs ??= performance.now();
      this.settle(reply);
      this.abort.abort();
    });
  }
}
