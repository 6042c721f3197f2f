import { chargeTail } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  hasIdledOut,
  readIdledOut,
  recordEntries,
  type Database,
  type NewLedgerEntry,
  type StoredMeter,
} from '#persistence';
import { idleEntry } from './idle-entry.js';
import { reportEntries } from './report-entries.js';

/**
 * Charges containers that idled until their window was over, or until they were released, to the calls that left them
 * idle. Safe in several routers: each looks again under the admission lock.
 */
export async function chargeIdleTails(database: Database, metrics: Metrics, logger: Logger): Promise<void> {
  if (!(await hasIdledOut(database))) return;
  const entries = await database.admissionTransaction(async (client) => {
    const entered: NewLedgerEntry[] = [];
    const meters = new Map<string, StoredMeter>();
    for (const { endpointId, stored, gpuUntilMs } of await readIdledOut(client)) {
      const idleUntilMs = Math.max(gpuUntilMs - stored.lateMs, stored.idleAtLeastUntilMs);
      const { meter, idle } = chargeTail(stored.meter, Math.round(idleUntilMs));
      meters.set(endpointId, { meter, lateMs: 0, idleAtLeastUntilMs: 0, idleOf: null });
      if (idle !== null && stored.idleOf !== null) entered.push(idleEntry(stored.idleOf, idle));
    }
    if (meters.size > 0) await recordEntries(client, entered, meters);
    return entered;
  });
  reportEntries(entries, metrics, logger);
}
