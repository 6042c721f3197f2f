import { setTimeout as delay } from 'node:timers/promises';
import type { CellResultView, GateView, QueueStatusView, RunView } from '#contracts';
import { BeaconClient, until } from '#testing';
import { QUESTIONS } from '../stack/experiment.js';
import type { Stack } from '../stack/stack.js';

const WAIT_MS = 100_000;
/** A request that a killed router will never answer must not hold up the next try. */
const ASK_MS = 5000;

/** What the deciding client knows by its own clock, and what it was told. */
export interface Decision {
  readonly afterQuestion: string;
  /** Unix ms, right before the first approval was sent: nothing behind the gate may have happened by then. */
  readonly approvedAtMs: number;
  /** What is wrong, in words. */
  readonly wrong: readonly string[];
}

/** Somebody who decides about one gate of one run, and who looks closely meanwhile. */
export class GateDecider {
  private readonly client: BeaconClient;
  private readonly wrong: string[] = [];

  constructor(
    private readonly stack: Stack,
    private readonly runId: string,
    readonly afterQuestion: string,
  ) {
    this.client = new BeaconClient(stack.url);
  }

  async untilWaiting(): Promise<void> {
    await until(
      `the gate after ${this.afterQuestion} waits`,
      async () => (await this.gate())?.status === 'waiting',
      WAIT_MS,
    );
  }

  /** Holds that nothing is held and that the gate still waits, by rows and by the platform's account. */
  async lookAround(): Promise<void> {
    await until('the router tells of an idle queue', () => this.isIdle()).catch((error: unknown) => {
      this.wrong.push(`at the gate after ${this.afterQuestion}: ${String(error)} (${causeOf(error)})`);
    });
    const [run, results] = await this.ask(() =>
      Promise.all([
        this.client.request<RunView>(`/runs/${this.runId}`),
        this.client.request<{ results: CellResultView[] }>(`/runs/${this.runId}/results`),
      ]),
    );
    const gate = run.body.gates.find(({ gate_id: id }) => id === this.afterQuestion);
    if (run.body.status !== 'awaiting_approval' || gate?.status !== 'waiting') {
      this.wrong.push(
        `before its approval the gate after ${this.afterQuestion} is ${gate?.status}, the run ${run.body.status}`,
      );
    }
    const lastOpen = QUESTIONS.indexOf(this.afterQuestion);
    for (const cell of results.body.results) {
      const isLater = QUESTIONS.indexOf(cell.question_id) > lastOpen;
      const expected = isLater ? 'pending' : 'accepted';
      if (cell.status !== expected || (isLater && cell.job_id !== null)) {
        this.wrong.push(
          `at the gate after ${this.afterQuestion}, ${cell.question_id} / ${cell.model} / ${cell.region} is ${cell.status}`,
        );
      }
    }
    const { in_flight: calls } = (await this.stack.standIn.account()).totals;
    if (calls !== 0) this.wrong.push(`at the gate after ${this.afterQuestion} ${calls} calls are in flight`);
  }

  /** Approves until it is told that this is so, several times over; a rejection after that must be refused. */
  async approve(): Promise<Decision> {
    const approvedAtMs = Date.now();
    const approval = async (): Promise<void> => {
      const { status, body } = await this.post('approve');
      if (status !== 200) throw new Error(`the approval is answered ${status}: ${JSON.stringify(body)}`);
    };
    await this.ask(approval);
    await Promise.all([this.ask(approval), this.ask(approval)]);
    const late = await this.ask(() => this.post('reject'));
    if (late.status !== 409 || late.body['code'] !== 'GATE_DECIDED') {
      this.wrong.push(
        `a late rejection of ${this.afterQuestion} is answered ${late.status}: ${JSON.stringify(late.body)}`,
      );
    }
    await this.ask(approval);
    return { afterQuestion: this.afterQuestion, approvedAtMs, wrong: this.wrong };
  }

  private post(word: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    return this.client.request(`/runs/${this.runId}/gates/${this.afterQuestion}/${word}`, {
      ...{ method: 'POST', signal: AbortSignal.timeout(ASK_MS) },
    });
  }

  private async gate(): Promise<GateView | undefined> {
    const { body } = await this.client.request<RunView>(`/runs/${this.runId}`);
    return body.gates.find(({ gate_id: id }) => id === this.afterQuestion);
  }

  /** No job waits or runs, and no slot is leased. */
  private async isIdle(): Promise<boolean> {
    const { body } = await this.client.request<QueueStatusView>('/queue/status');
    const held = Object.entries(body.regions).flatMap(([region, queue]) => {
      const slots = queue.endpoints.reduce((sum, { slots_in_use: used }) => sum + used, 0);
      const jobs = queue.queue_size + queue.retry_queue_size + queue.in_flight;
      return slots + jobs === 0 ? [] : [`${region}: ${slots} slots, ${jobs} jobs`];
    });
    if (held.length > 0) throw new Error(held.join('; '));
    return body.global_retry_queue_size === 0;
  }

  /** The router may be down: the same question again, until there is an answer. */
  private async ask<T>(question: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      try {
        return await question();
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await delay(10);
      }
    }
  }
}

function causeOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : 'no cause';
}
