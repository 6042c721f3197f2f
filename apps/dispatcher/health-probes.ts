import { setTimeout as wait } from 'node:timers/promises';
import type { ProbeReply } from '#contracts';
import { probeHealth, type HttpClient } from '#endpoint-client';
import type { RegionEndpoint } from './region-endpoints.js';

/** The router waits a little longer than this for word. */
const ANSWER_WITHIN_MS = 5000;

/**
 * Probes of endpoints that are down, one at a time each. A gateway that is itself starting answers late, and giving
 * up on it would end its start: the probe goes on, and whoever asks next hears what it found.
 */
export class HealthProbes {
  private readonly running = new Map<string, Promise<ProbeReply>>();

  constructor(
    private readonly client: HttpClient['axios'],
    private readonly answerWithinMs = ANSWER_WITHIN_MS,
  ) {}

  async ask(endpoint: RegionEndpoint): Promise<ProbeReply> {
    const probe = this.running.get(endpoint.id) ?? this.begin(endpoint);
    const abort = new AbortController();
    const pending: ProbeReply = { healthy: false, pending: true, detail: 'health has not answered yet' };
    const late = wait(this.answerWithinMs, pending, { signal: abort.signal }).catch(() => pending);
    const reply = await Promise.race([probe, late]);
    abort.abort();
    if (reply.pending !== true) this.running.delete(endpoint.id);
    return reply;
  }

  private begin(endpoint: RegionEndpoint): Promise<ProbeReply> {
    const probe = probeHealth(this.client, endpoint, endpoint.credentials);
    this.running.set(endpoint.id, probe);
    return probe;
  }
}
