import { randomUUID } from 'node:crypto';
import { until } from '#testing';
import { jsonOf, type Answered, type Caller } from './caller.js';

/** How many jobs stand before one that must not end at once. */
const AHEAD = 3;

/** Asks the job routes of a target. */
export class JobCaller {
  constructor(
    private readonly caller: Caller,
    readonly url: string,
    private readonly callMs: number,
  ) {}

  /** @returns its id, which must have come */
  async spawn(body: unknown, key: string = randomUUID()): Promise<string> {
    const { status, text } = await this.caller.ask({
      url: this.url,
      body,
      headers: { 'idempotency-key': key },
    });
    const { call_id: callId } = jsonOf(text);
    if (status !== 202 || typeof callId !== 'string') throw new Error(`not spawned: ${status} ${text}`);
    return callId;
  }

  /** Spawns a job behind others, so that it has not ended by the time it is looked at. */
  async spawnBehind(body: unknown): Promise<{ readonly ahead: readonly string[]; readonly callId: string }> {
    const ahead: string[] = [];
    while (ahead.length < AHEAD) ahead.push(await this.spawn(body));
    return { ahead, callId: await this.spawn(body) };
  }

  get(callId: string): Promise<Answered> {
    return this.caller.ask({ url: `${this.url}/${callId}` });
  }

  cancel(callId: string): Promise<Answered> {
    return this.caller.ask({ method: 'DELETE', url: `${this.url}/${callId}` });
  }

  /** Polls until a job is no longer pending. */
  async untilEnded(callId: string): Promise<Answered> {
    return until(
      `job ${callId} has ended`,
      async () => {
        const answer = await this.get(callId);
        return answer.status === 202 ? undefined : answer;
      },
      this.callMs,
    );
  }

  /** Polls until the result of a job is kept no longer. */
  async untilExpired(callId: string): Promise<Answered> {
    return until(
      `job ${callId} has expired`,
      async () => {
        const answer = await this.get(callId);
        return answer.status === 202 || answer.status === 200 ? undefined : answer;
      },
      this.callMs,
    );
  }
}
