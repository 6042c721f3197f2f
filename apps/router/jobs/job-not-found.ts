import { ProblemError } from '#contracts';

export function jobNotFound(jobId: string): ProblemError {
  return new ProblemError('JOB_NOT_FOUND', `job_id: there is no job "${jobId.slice(0, 64)}"`);
}
