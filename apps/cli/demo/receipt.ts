import { attemptsOf, type Evidence } from './findings.js';
import { EXPECTED_CELLS, EXPECTED_TOTAL } from './experiment.js';

/** One line of the completeness receipt. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * Holds what Beacon says against what must be, and against the books of the stand-in, which knows nothing of what
 * Beacon says. The demo succeeds where all of it is ok.
 */
export function receipt(evidence: Evidence): Check[] {
  const { run, cells, account, gpuLimit } = evidence;
  const accepted = cells.filter(({ status, response }) => status === 'accepted' && response !== null);
  const distinct = new Set(accepted.map(cellName)).size;
  const ofRegion = (region: string): number => accepted.filter((cell) => cell.region === region).length;
  const regions = Object.entries(EXPECTED_CELLS);
  const substituted = cells.filter(({ substituted: isSubstitute }) => isSubstitute).length;
  const foreign = accepted.filter(({ region, answered_region }) => answered_region !== region).length;
  const { total, retries } = attemptsOf(evidence);
  const counted = cells.reduce((sum, { attempts }) => sum + attempts, 0);
  const calls = account.totals.calls_received;
  const repeated = account.repeated_keys.length;
  const crowded = Object.values(account.endpoints).filter(
    ({ max_in_flight, concurrency }) => max_in_flight > concurrency,
  ).length;
  const { overlaps, gpus_peak: peak, in_flight: inFlight } = account.totals;
  return [
    {
      name: 'run',
      ok: run.status === 'completed',
      detail: run.status,
    },
    {
      name: 'cells accepted',
      ok:
        accepted.length === EXPECTED_TOTAL &&
        regions.every(([region, wanted]) => ofRegion(region) === wanted),
      detail: `${accepted.length} of ${EXPECTED_TOTAL} (${regions.map(([region, wanted]) => `${region} ${ofRegion(region)} of ${wanted}`).join(', ')})`,
    },
    {
      name: 'missing',
      ok: distinct === EXPECTED_TOTAL,
      detail: `${EXPECTED_TOTAL - distinct}`,
    },
    {
      name: 'answered twice',
      ok: accepted.length === distinct && cells.length === EXPECTED_TOTAL,
      detail: `${accepted.length - distinct}`,
    },
    {
      name: 'substituted',
      ok: substituted === 0 && foreign === 0,
      detail: `${substituted}; answers that attest another region: ${foreign}`,
    },
    {
      name: 'attempts',
      ok: total === counted,
      detail: `${total} = ${cells.length} cells + ${retries} retries`,
    },
    {
      name: 'calls',
      ok: calls === total && repeated === 0,
      detail: `${calls} by the stand-in's account; ${calls === total ? 'every attempt is one call' : `Beacon reports ${total}`}, ${repeated} repeated`,
    },
    {
      name: 'overlaps',
      ok: overlaps === 0 && crowded === 0,
      detail: `${overlaps}; endpoints that ever had more calls than their concurrency: ${crowded}`,
    },
    {
      name: 'left running',
      ok: inFlight === 0,
      detail: `${inFlight} calls`,
    },
    {
      name: 'GPUs',
      ok: peak <= gpuLimit,
      detail: `${peak} at the peak, ${gpuLimit} allowed`,
    },
  ];
}

export function isComplete(checks: readonly Check[]): boolean {
  return checks.every(({ ok }) => ok);
}

function cellName({ question_id, model, region, repeat }: Evidence['cells'][number]): string {
  return [question_id, model, region, repeat].join(' ');
}
