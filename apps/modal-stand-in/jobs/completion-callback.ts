import type { Clock } from '../clock/clock.js';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { EventSink } from '../simulation/simulation-event.js';
import type { Job } from './job-book.js';
import { jobStatus } from './job-result.js';

/** One try may take this long, in real ms: its receiver does not live in simulated time. */
const TRY_TIMEOUT_MS = 10_000;

/**
 * Tells a configured URL that a job ended: a hint to poll now, without prompt or answer. A try counts as delivered when
 * it is answered 2xx; otherwise there is another after a pause that doubles, in simulated time like everything that
 * Modal does. After the last try the hint is given up: polling stays the truth.
 */
export class CompletionCallback {
  constructor(
    private readonly clock: Clock,
    private readonly settings: NonNullable<StandInConfiguration['callback']>,
    private readonly emit: EventSink,
  ) {}

  ended({ call, key }: Job): void {
    const body = JSON.stringify({ call_id: call.id, key: key ?? null, status: jobStatus(call) });
    void this.#try(body, 1);
  }

  async #try(body: string, attempt: number): Promise<void> {
    this.emit({ kind: 'callback_sent' });
    if (await this.#isTaken(body)) return this.emit({ kind: 'callback_ended', isDelivered: true });
    if (attempt >= this.settings.tries) return this.emit({ kind: 'callback_ended', isDelivered: false });
    const pauseS = this.settings.backoff_s * 2 ** (attempt - 1);
    this.clock.schedule(pauseS * 1000, () => void this.#try(body, attempt + 1));
  }

  async #isTaken(body: string): Promise<boolean> {
    try {
      const answer = await fetch(this.settings.url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json', 'x-webhook-secret': this.settings.secret },
        body,
        signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
      });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }
}
