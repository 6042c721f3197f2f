import { ProblemError } from '#contracts';

export function batchNotFound(id: string): ProblemError {
  const message = `there is no batch "${id.slice(0, 64)}"`;
  return new ProblemError('BATCH_NOT_FOUND', `batch_id: ${message}`, [{ field: 'batch_id', message }]);
}
