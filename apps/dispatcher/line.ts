import { performance } from 'node:perf_hooks';
import { setImmediate as setImmediately } from 'node:timers/promises';
import type { NatsConnection } from '#messaging';

/** An answer that is no older than this is as good as a new one: where calls are short, few turns wait for one. */
const FRESH_MS = 50;
/** Afterwards the line counts as broken, whatever the connection says, which notices a quarter of a minute later. */
const ANSWER_WITHIN_MS = 1000;

/**
 * The line to NATS. One that is half-open looks well: it takes everything and carries nothing. Only an answer says that
 * what was sent before it has arrived.
 */
export class Line {
  /** When the latest question that was answered was asked, by the monotonic clock. */
  private goodMs = -Infinity;

  constructor(private readonly connection: Pick<NatsConnection, 'flush'>) {}

  /**
   * Resolves once NATS has what was sent before this, and what NATS had sent before that was taken in here.
   * @throws where the connection breaks first
   */
  async carried(): Promise<void> {
    await this.ask();
    // What came in with the answer was handed out in the same turn of the event loop, to be handled after it.
    await setImmediately();
  }

  /** Whether the line is good now, or was a moment ago. */
  async isGood(nowMs = performance.now()): Promise<boolean> {
    if (nowMs - this.goodMs <= FRESH_MS) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ANSWER_WITHIN_MS);
    });
    const answered = this.ask().then(
      () => true,
      () => false,
    );
    try {
      return await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Questions that are not answered are given up by the connection: it breaks in the end. */
  private async ask(): Promise<void> {
    const askedMs = performance.now();
    await this.connection.flush();
    this.goodMs = Math.max(this.goodMs, askedMs);
  }
}
