import { OUTCOME_ACK_WAIT_MS, extendAck, type JsMsg } from '#messaging';

/**
 * Outcomes that were delivered and are not committed yet. JetStream is told that they are being worked on, so the
 * time after which it delivers them to somebody else can be short: a router that was killed delays what it held by
 * that time, and one that waits for its database keeps what it holds.
 */
export class HeldOutcomes {
  private readonly messages = new Set<JsMsg>();
  private readonly timer: NodeJS.Timeout;

  constructor() {
    this.timer = setInterval(() => {
      for (const message of this.messages) extendAck(message);
    }, OUTCOME_ACK_WAIT_MS / 3);
  }

  hold(message: JsMsg | undefined): void {
    if (message !== undefined) this.messages.add(message);
  }

  ack(message: JsMsg | undefined): void {
    if (message === undefined) return;
    this.messages.delete(message);
    message.ack();
  }

  /** What is held is delivered again, here or elsewhere. */
  close(): void {
    clearInterval(this.timer);
  }
}
