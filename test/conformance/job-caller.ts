import { randomUUID } from 'node:crypto';
import { until } from '#testing';
import { jsonOf, type Answered, type Caller } from './caller.js';
import type { Target } from './target.js';

/** How many of the jobs before another one are answered whatever happens. */
const ANSWERED = 3;

/** A job that has not ended yet, and those before it. */
export interface SpawnedBehind {
  readonly callId: string;
  /** The first ones before it: nobody cancels them. */
  readonly ahead: readonly string[];
  /** Cancels the others before it: whoever has seen what it came to see waits no longer. */
  readonly clear: () => Promise<void>;
}

/** Asks the job routes of a target. */
export class JobCaller {
  private readonly callMs: number;
  private readonly jobsAhead: number;

  constructor(
    private readonly caller: Caller,
    readonly url: string,
    { callMs, jobsAhead }: Target,
  ) {
    this.callMs = callMs;
    this.jobsAhead = jobsAhead;
  }

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
  async spawnBehind(body: unknown): Promise<SpawnedBehind> {
    const before: string[] = [];
    while (before.length < this.jobsAhead) before.push(await this.spawn(body));
    return {
      callId: await this.spawn(body),
      ahead: before.slice(0, ANSWERED),
      clear: async () => {
        // The last ones first: they have not begun.
        for (const other of before.slice(ANSWERED).reverse()) await this.cancel(other);
      },
    };
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
