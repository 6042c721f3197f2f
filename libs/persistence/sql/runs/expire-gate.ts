import type { Database } from '../../database.js';
import { requestEnding } from './change-run.js';
import { readGates, recordGateDecision } from './gates.js';
import { lockRun } from './lock-run.js';
import { appendRunEvents } from './run-events.js';

/**
 * Ends a run whose gate nobody decided in time. Looks again under the run's lock, as a decision may have come first.
 * @returns whether it was this call that did it
 */
export async function expireGate(database: Database, runId: string, gateId: string): Promise<boolean> {
  return database.transaction(async (client) => {
    const run = await lockRun(client, runId);
    // Who ends it otherwise came first.
    if (run === undefined || run.ending !== null) return false;
    const gate = (await readGates(client, runId)).find((candidate) => candidate.gateId === gateId);
    if (gate === undefined || !gate.overdue) return false;
    await recordGateDecision(client, runId, gateId, 'expired');
    await requestEnding(client, runId, 'expired');
    await appendRunEvents(client, runId, [
      { type: 'gate.decided', data: { gate_id: gateId, decision: 'expired' } },
    ]);
    return true;
  });
}
