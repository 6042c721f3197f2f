import type { CellResultView, JobStatusView, LedgerEntryView, RunView } from '#contracts';
import { BeaconClient, until } from '#testing';
import { readLedger } from './read-ledger.js';
import type { Account, AccountedCall, StandIn } from './stand-in.js';

/** How long a run of the experiment may take at the most: it ends what hangs. */
export const RUN_MS = 600_000;
const ASK_MS = 20_000;
export const QUESTIONS = [
  ...['tiananmen_neutral', 'taiwan_status', 'hongkong_2019', 'math_basic'],
  ...['geography_basic', 'identity_basic', 'greatest_invention', 'greatest_leader'],
];

export interface RunEvent {
  readonly type: string;
  readonly at: string;
  readonly question_id?: string;
  readonly gate_id?: string;
  readonly model?: string;
  readonly region?: string;
  readonly job_id?: string | null;
}

/** A router, whichever processes it lives in, and the platform that it calls. */
export interface Served {
  readonly url: string;
  readonly standIn: StandIn;
}

/** What both sides say when a run is over. */
export interface Evidence {
  readonly run: RunView;
  readonly cells: readonly CellResultView[];
  readonly events: readonly RunEvent[];
  /** Every job the run ever made. */
  readonly jobs: readonly JobStatusView[];
  readonly account: Account;
  readonly calls: readonly AccountedCall[];
  readonly ledger: readonly LedgerEntryView[];
}

/**
 * Submits the 64 cells to endpoints that are all cold.
 * @param more keys of the request's body
 * @returns the run's id
 */
export async function submitExperiment(
  stack: Served,
  order = 'auto',
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { standIn } = stack;
  await until('every container is gone', async () => (await standIn.account()).totals.gpus_now === 0);
  await standIn.newBooks();
  const { status, body } = await new BeaconClient(stack.url).request<{ run_id: string; total_cells: number }>(
    '/runs',
    {
      json: {
        ...{ questions: QUESTIONS, models: ['llama3.2-1b', 'qwen2.5-1.5b', 'mistral-7b'], order },
        ...{ regions: ['US', 'EU', 'ASIA'], region_policy: 'pin' },
        ...more,
      },
    },
  );
  if (status !== 202 || body.total_cells !== 64) throw new Error(`no run: ${JSON.stringify(body)}`);
  return body.run_id;
}

/** Answers by the platform's account: it can be asked whatever part of Beacon is down. */
export async function untilAnswered(stack: Served, answers: number): Promise<void> {
  await until(
    `${answers} answers`,
    async () => ((await stack.standIn.account()).totals.outcomes['completed'] ?? 0) >= answers,
    RUN_MS,
  );
}

export async function untilFinished(stack: Served, runId: string): Promise<Evidence> {
  const client = new BeaconClient(stack.url);
  const run = await until(
    'the run is over',
    async () => {
      const { status, body } = await client.request<RunView>(`/runs/${runId}`);
      if (status !== 200) throw new Error(`the run reads ${status}: ${JSON.stringify(body)}`);
      if (body.finished_at === null) throw new Error(`the run stands at ${JSON.stringify(body.progress)}`);
      return body;
    },
    RUN_MS,
  );
  const events = await readEvents(stack, runId);
  const jobIds = [
    ...new Set(events.flatMap(({ type, job_id: id }) => (type === 'cell.submitted' && id ? [id] : []))),
  ];
  const jobs: JobStatusView[] = [];
  for (const id of jobIds) jobs.push(await until('a status', () => client.job(id)));
  const results = await until(
    'the results',
    async () => (await client.request<{ results: CellResultView[] }>(`/runs/${runId}/results`)).body.results,
  );
  const { standIn } = stack;
  return {
    ...{ run, cells: results, events, jobs },
    ...{ account: await standIn.account(), calls: await standIn.calls() },
    ledger: await untilEntered(stack, jobIds),
  };
}

/** Word of a call that was made twice comes with the outcome of the second, or after it: the ledger may trail the run. */
async function untilEntered(stack: Served, jobIds: readonly string[]): Promise<LedgerEntryView[]> {
  let entries: LedgerEntryView[] = [];
  const wanted = new Set(jobIds);
  await until(
    'every call has its entry',
    async () => {
      entries = (await readLedger(stack.url)).filter(({ job_id: id }) => wanted.has(id));
      const entered = entries.filter(({ kind }) => kind === 'call').length;
      const made = (await stack.standIn.calls()).filter(({ job_id: id }) => id !== null && wanted.has(id));
      return entered >= made.length;
    },
    // What is missing is told by the invariants, call by call.
  ).catch(() => undefined);
  return entries;
}

/** The whole stream again, from its first event: it ends with the run. */
async function readEvents(stack: Served, runId: string): Promise<RunEvent[]> {
  const text = await until('the events', async () => {
    const answer = await fetch(`${stack.url}/runs/${runId}/events`, {
      signal: AbortSignal.timeout(ASK_MS),
    });
    return answer.ok ? answer.text() : undefined;
  });
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6)) as RunEvent] : []));
}
