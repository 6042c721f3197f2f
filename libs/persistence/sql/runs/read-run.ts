import { LessThan } from 'typeorm';
import type { Database, Queryable } from '../../database.js';
import { RunGateEntity } from '../../entities/run-gate.entity.js';
import { RunEntity } from '../../entities/run.entity.js';

export async function findRun(database: Database, runId: string): Promise<RunEntity | null> {
  return database.dataSource.getRepository(RunEntity).findOneBy({ id: runId });
}

/** Newest first. @param tenant undefined: everybody's  @param beforeRunNo the last one already seen */
export async function listRuns(
  database: Database,
  tenant: string | undefined,
  limit: number,
  beforeRunNo?: string,
): Promise<RunEntity[]> {
  return database.dataSource.getRepository(RunEntity).find({
    where: {
      ...(tenant === undefined ? {} : { tenant }),
      ...(beforeRunNo === undefined ? {} : { runNo: LessThan(beforeRunNo) }),
    },
    order: { runNo: 'DESC' },
    take: limit,
  });
}

export async function findRunGates(database: Database, runId: string): Promise<RunGateEntity[]> {
  return database.dataSource
    .getRepository(RunGateEntity)
    .find({ where: { runId }, order: { afterQuestionNo: 'ASC' } });
}

/** @returns undefined where there is no such run */
export async function readRunTenant(database: Queryable, runId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ tenant: string }>(`SELECT tenant FROM runs WHERE id = $1`, [runId]);
  return rows[0]?.tenant;
}
