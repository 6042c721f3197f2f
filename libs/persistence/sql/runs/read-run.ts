import type { WarmTimes } from '#domain';
import { LessThan } from 'typeorm';
import type { Database, Queryable } from '../../database.js';
import { RunGateEntity } from '../../entities/run-gate.entity.js';
import { RunEntity } from '../../entities/run.entity.js';

export async function findRun(database: Database, runId: string): Promise<RunEntity | null> {
  return database.dataSource.getRepository(RunEntity).findOneBy({ id: runId });
}

/** Newest first. @param beforeRunNo the last one already seen */
export async function listRuns(
  database: Database,
  limit: number,
  beforeRunNo?: string,
): Promise<RunEntity[]> {
  return database.dataSource.getRepository(RunEntity).find({
    ...(beforeRunNo === undefined ? {} : { where: { runNo: LessThan(beforeRunNo) } }),
    order: { runNo: 'DESC' },
    take: limit,
  });
}

export async function findRunGates(database: Database, runId: string): Promise<RunGateEntity[]> {
  return database.dataSource
    .getRepository(RunGateEntity)
    .find({ where: { runId }, order: { afterQuestionNo: 'ASC' } });
}

/** Warm execution times learned for any of the models. */
export async function readWarmTimes(
  database: Queryable,
  models: readonly string[],
): Promise<WarmTimes[]> {
  const { rows } = await database.query<{ region: string; model: string; samplesMs: number[] }>(
    `SELECT region, model, samples_ms AS "samplesMs" FROM execution_times WHERE model = ANY ($1) AND NOT cold`,
    [models],
  );
  return rows;
}
