import { LessThan } from 'typeorm';
import type { Database } from '../../database.js';
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
