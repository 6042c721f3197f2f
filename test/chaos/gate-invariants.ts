import { QUESTIONS, type Evidence } from '../stack/experiment.js';
import type { Decision } from './gate-decider.js';

/**
 * What must be true of a run with gates, whatever was killed. The deciding client's clock, the rows and the
 * platform's account are held against each other.
 * @returns what is wrong, in words
 */
export function gateViolations(evidence: Evidence, decisions: readonly Decision[]): string[] {
  return [
    ...decisions.flatMap(({ wrong }) => wrong),
    ...decisions.flatMap((decision) => behindTheGate(evidence, decision)),
    ...whileWaiting(evidence, decisions),
    ...decidedOnce(evidence, decisions),
    ...askedOnce(evidence),
  ];
}

/** Nothing of a later question before the approval was sent: no mark, no job, no call. */
function behindTheGate({ cells, events, jobs, calls }: Evidence, decision: Decision): string[] {
  const { afterQuestion, approvedAtMs } = decision;
  const later = new Set(QUESTIONS.slice(QUESTIONS.indexOf(afterQuestion) + 1));
  const laterJobs = new Set(
    cells.filter(({ question_id: id }) => later.has(id)).map(({ job_id: jobId }) => jobId),
  );
  const isEarly = (at: string): boolean => Date.parse(at) < approvedAtMs;
  const decidedAt = events.findIndex(
    ({ type, gate_id: id }) => type === 'gate.decided' && id === afterQuestion,
  );
  return [
    ...events
      .slice(0, decidedAt)
      .filter(({ type, question_id: id }) => type.startsWith('cell.') && later.has(id ?? ''))
      .map(({ type, question_id: id }) => `${type} of ${id} comes before the approval of ${afterQuestion}`),
    ...jobs
      .filter(({ job_id: id, created_at: at }) => laterJobs.has(id) && isEarly(at))
      .map(({ job_id: id }) => `job ${id} was made before the approval of ${afterQuestion}`),
    ...calls
      .filter(({ job_id: id, received_at: at }) => laterJobs.has(id) && isEarly(at))
      .map(
        ({ call_id: id, endpoint }) => `${id} reached ${endpoint} before the approval of ${afterQuestion}`,
      ),
  ];
}

/** From the moment a gate waits until somebody approves it, no job is open and no call is in flight. */
function whileWaiting({ run, jobs, calls }: Evidence, decisions: readonly Decision[]): string[] {
  return decisions.flatMap(({ afterQuestion, approvedAtMs }) => {
    const gate = run.gates.find(({ gate_id: id }) => id === afterQuestion);
    if (gate === undefined || gate.waiting_since === null) return [];
    const sinceMs = Date.parse(gate.waiting_since);
    const overlaps = (from: string, to: string | null): boolean =>
      Date.parse(from) < approvedAtMs && (to === null || Date.parse(to) > sinceMs);
    return [
      ...jobs
        .filter(({ created_at: from, completed_at: to }) => overlaps(from, to))
        .map(({ job_id: id }) => `job ${id} is open while the gate after ${afterQuestion} waits`),
      ...calls
        .filter(({ received_at: from, finished_at: to }) => overlaps(from, to))
        .map(({ call_id: id }) => `${id} is in flight while the gate after ${afterQuestion} waits`),
    ];
  });
}

function decidedOnce({ run, events }: Evidence, decisions: readonly Decision[]): string[] {
  const wrong: string[] = [];
  for (const { afterQuestion } of decisions) {
    const count = (type: string): number =>
      events.filter((event) => event.type === type && event.gate_id === afterQuestion).length;
    if (count('gate.decided') !== 1)
      wrong.push(`${afterQuestion} was decided ${count('gate.decided')} times`);
    if (count('gate.waiting') > 1) wrong.push(`${afterQuestion} waited ${count('gate.waiting')} times`);
    const gate = run.gates.find(({ gate_id: id }) => id === afterQuestion);
    if (gate?.status !== 'approved') wrong.push(`the gate after ${afterQuestion} is ${gate?.status}`);
  }
  return wrong;
}

/** Nothing that a call leads to is killed here: each cell is one job, and each job is one call. */
function askedOnce({ cells, jobs, calls }: Evidence): string[] {
  const wrong: string[] = [];
  if (jobs.length !== cells.length) wrong.push(`${jobs.length} jobs were made for ${cells.length} cells`);
  const keys = new Set(calls.map(({ key }) => key));
  if (calls.length !== cells.length || keys.size !== cells.length) {
    wrong.push(`${calls.length} calls with ${keys.size} keys were made for ${cells.length} cells`);
  }
  return wrong;
}
