import { differingCalls } from './differing-calls.js';
import type { Evidence } from '../stack/experiment.js';
import type { AccountedCall } from '../stack/stand-in.js';

/**
 * A cold start of 4.5 s, twice where a starting call was killed; six seconds until a dead holder's ticket is delivered
 * again, or five until a lost one is found missing; and what restarts take on a loaded machine. Time in which the machine
 * itself stood still does not count.
 */
const LONGEST_SILENCE_MS = 25_000;

/** What the platform may have seen twice because of what was killed. */
export interface Tolerance {
  /**
   * How often the dispatcher of each region was killed: each time, a call that had not been answered 303 yet may be
   * made once more, at each of its endpoints.
   */
  readonly dispatcherKills?: Readonly<Record<string, number>>;
  /** JetStream lost its store: an answer that lay only there has to be asked for once more. */
  readonly lostOutcomes?: number;
  /** How long the machine itself stood still between two moments, Unix ms: a StandstillWatch's. */
  readonly stoodStillMs?: (fromMs: number, toMs: number) => number;
}

/**
 * Holds a run against what must be true whatever was killed. Both sides are asked: Beacon's API for what it says, the
 * platform's account for what it was made to do.
 * @returns what is wrong, in words; nothing where all is well
 */
export function violations(evidence: Evidence, gpuLimit: number, tolerance: Tolerance = {}): string[] {
  return [
    ...completeness(evidence),
    ...callsAfterTheAnswer(evidence),
    ...repeatedCalls(evidence, tolerance),
    ...limits(evidence, gpuLimit, tolerance),
    ...silence(evidence, tolerance),
    ...entries(evidence, tolerance),
  ];
}

/** I1 and I2, and I7: every cell has exactly one accepted answer, and it is its own region's. */
function completeness({ run, cells, events, jobs }: Evidence): string[] {
  const wrong: string[] = [];
  if (run.status !== 'completed') wrong.push(`the run is ${run.status}`);
  const nameOf = (cell: { question_id?: string; model?: string; region?: string }): string =>
    `${cell.question_id} / ${cell.model} / ${cell.region}`;
  const names = new Set(cells.map(nameOf));
  if (cells.length !== 64 || names.size !== 64) wrong.push(`${cells.length} results for ${names.size} cells`);
  for (const cell of cells) {
    const { status, response, substituted, answered_region: answered, region } = cell;
    if (status !== 'accepted' || response === null || response === '')
      wrong.push(`${nameOf(cell)} is ${status}`);
    else if (substituted || answered !== region) wrong.push(`${nameOf(cell)} has the answer of ${answered}`);
  }
  for (const [name, count] of counted(events.filter(({ type }) => type === 'cell.accepted').map(nameOf))) {
    if (count !== 1) wrong.push(`${name} was accepted ${count} times`);
  }
  const jobIds = new Set(jobs.map(({ job_id: id }) => id));
  for (const cell of cells) {
    if (!jobIds.has(cell.job_id ?? '')) wrong.push(`${nameOf(cell)}: its job is not among the run's events`);
  }
  for (const { job_id: id, status, attempts } of jobs) {
    const answers = attempts.filter((attempt) => attempt.status === 'succeeded').length;
    if (status === 'completed' && answers !== 1) wrong.push(`job ${id} completed with ${answers} answers`);
  }
  return wrong;
}

/** Nothing that was answered and recorded is called again. */
function callsAfterTheAnswer({ jobs, calls }: Evidence): string[] {
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  return calls.flatMap((call) => {
    const job = byId.get(call.job_id ?? '');
    if (job === undefined) return [`${describe(call)} belongs to no job of the run`];
    const attempt = job.attempts.find((one) => one.attempt === call.attempt);
    if (attempt === undefined) return [`${describe(call)} belongs to no attempt of its job`];
    const recorded = [job.completed_at, attempt.finished_at].filter((at) => at !== null);
    const late = recorded.find((at) => Date.parse(call.received_at) > Date.parse(at));
    return late === undefined ? [] : [`${describe(call)} was made after its end was recorded at ${late}`];
  });
}

/** A call is made again only where its dispatcher died before anything could lead back to it. */
function repeatedCalls({ calls }: Evidence, { dispatcherKills = {}, lostOutcomes = 0 }: Tolerance): string[] {
  const repeats = [...counted(calls.map(({ key }) => key ?? ''))].flatMap(([key, count]) =>
    count === 1 ? [] : [{ count: count - 1, calls: calls.filter((call) => call.key === key) }],
  );
  const byEndpoint = new Map<string, number>();
  for (const { count, calls: same } of repeats) {
    const endpoint = same[0]?.endpoint ?? '';
    byEndpoint.set(endpoint, (byEndpoint.get(endpoint) ?? 0) + count);
  }
  const allowed = (endpoint: string): number =>
    Object.entries(dispatcherKills).find(([region]) =>
      endpoint.startsWith(`${region.toLowerCase()}-`),
    )?.[1] ?? 0;
  const excess = [...byEndpoint].reduce(
    (sum, [endpoint, count]) => sum + Math.max(0, count - allowed(endpoint)),
    0,
  );
  const said =
    excess > lostOutcomes
      ? repeats.map(({ calls: same }) => `called again: ${same.map(describe).join(' and ')}`)
      : [];
  // A call that had been answered 303 can be found again, and one that goes on must be: but where its address was never
  // asked at, its dispatcher died before it had stored it.
  const abandoned = repeats.flatMap(({ calls: same }) =>
    same
      .slice(0, -1)
      .filter(
        ({ redirects_303: redirects, result_requests: reads, outcome }) =>
          redirects > 0 && reads > 0 && outcome === 'completed',
      ),
  );
  return [...said, ...abandoned.slice(lostOutcomes).map((call) => `${describe(call)} was not found again`)];
}

/** I3, judged by the endpoints' side. */
function limits({ account }: Evidence, gpuLimit: number, { dispatcherKills = {} }: Tolerance): string[] {
  const wrong: string[] = [];
  const { gpus_peak: peak } = account.totals;
  if (peak > gpuLimit) wrong.push(`${peak} GPUs were held, ${gpuLimit} are allowed`);
  for (const [id, { region, overlaps, max_in_flight: most }] of Object.entries(account.endpoints)) {
    // The one exception: the successor of a killed dispatcher may call beside the orphan.
    if (overlaps > (dispatcherKills[region] ?? 0))
      wrong.push(`${id}: ${overlaps} overlaps, ${most} calls at once`);
  }
  return wrong;
}

/** I4: each call that the platform saw is in the ledger once, and none that it did not see. */
function entries({ calls, ledger }: Evidence, { lostOutcomes = 0 }: Tolerance): string[] {
  // A dispatcher's notes of its calls were in the store that was lost.
  return differingCalls(calls, ledger, lostOutcomes);
}

/** The longest time in which nothing was accepted, while the machine did not stand still. */
export function longestSilenceMs(
  { run, events }: Evidence,
  stoodStillMs: Tolerance['stoodStillMs'] = () => 0,
): number {
  const accepted = events.filter(({ type }) => type === 'cell.accepted').map(({ at }) => Date.parse(at));
  const moments = [Date.parse(run.created_at), ...accepted].sort((left, right) => left - right);
  return Math.max(
    ...moments.slice(1).map((at, index) => {
      const before = moments[index] ?? at;
      return at - before - stoodStillMs(before, at);
    }),
  );
}

/** I5: whatever is killed, answers go on being accepted within this bound. */
function silence(evidence: Evidence, { stoodStillMs }: Tolerance): string[] {
  const longestMs = longestSilenceMs(evidence, stoodStillMs);
  return longestMs <= LONGEST_SILENCE_MS ? [] : [`nothing was accepted for ${longestMs} ms`];
}

function counted(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function describe(call: AccountedCall): string {
  const { call_id: id, endpoint, key, received_at: received, finished_at: finished, outcome } = call;
  return `${id} at ${endpoint} for ${key ?? 'nobody'} (${received} to ${finished ?? 'now'}, ${outcome ?? 'running'}, ${call.redirects_303} times 303)`;
}
