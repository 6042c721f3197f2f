import { expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestDatabase } from '#testing';
import { claimWebhooks } from '../sql/webhooks/webhook-deliveries.js';
import { listDeliveries } from '../sql/webhooks/list-deliveries.js';
import { WebhooksOfJobs1763769600013 } from './0013-webhooks-of-jobs.js';
import { MIGRATIONS } from './index.js';

it('webhooks that were queued before belong to the tenant of their run, are numbered, and are sent', async () => {
  const postgres = await startTestDatabase(false);
  const { database } = postgres;
  try {
    const queryRunner = database.dataSource.createQueryRunner();
    const before = MIGRATIONS.slice(0, MIGRATIONS.indexOf(WebhooksOfJobs1763769600013));
    for (const Migration of before) await new Migration().up(queryRunner);
    const runs = ['anna', 'ben'].map((tenant) => ({ id: randomUUID(), tenant }));
    for (const { id, tenant } of runs) {
      await database.query(
        `INSERT INTO runs (id, name, cell_order, requested_order, spec, plan, total_cells, tenant)
         VALUES ($1, 'r', 'question', 'auto', '{}', '{}', 1, $2)`,
        [id, tenant],
      );
    }
    for (const [age, run] of [...runs, ...runs].entries()) {
      await database.query(
        `INSERT INTO webhook_deliveries (run_id, event_type, url, body, created_at)
         VALUES ($1, 'run.finished', 'https://Hooks.Example.org:8443/x?y', '{}', now() - $2 * interval '1 minute')`,
        [run.id, age],
      );
    }
    // What older code queues meanwhile, or after it.
    const insertAsBefore = `INSERT INTO webhook_deliveries (run_id, event_type, url, body)
                            VALUES ($1, 'gate.waiting', 'http://h/', '{}')`;
    await new WebhooksOfJobs1763769600013().up(queryRunner);
    await queryRunner.release();
    await database.query(insertAsBefore, [runs[0]!.id]);

    const told = async (tenant: string) =>
      (await listDeliveries(database, { tenant }, 10))
        .sort((left, right) => left.createdAt.getTime() - right.createdAt.getTime())
        .map(({ runId, sequence, receiver }) => ({ runId, sequence, receiver }));
    for (const { id: runId, tenant } of runs) {
      expect(await told(tenant)).toEqual(
        [1, 2].map((sequence) => ({ runId, sequence, receiver: 'hooks.example.org:8443' })),
      );
    }
    expect(await told('local')).toEqual([{ runId: runs[0]!.id, sequence: null, receiver: 'h' }]);
    const shares = { tenantMax: 9, receiverMax: 9, byTenant: {}, byReceiver: {}, byBoth: {} };
    expect(await claimWebhooks(database, 10, 1000, shares)).toHaveLength(5);
  } finally {
    await postgres.close();
  }
});
