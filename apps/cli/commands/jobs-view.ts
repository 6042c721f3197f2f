import type { QueuedResponse } from '#contracts';
import type { JobFace } from '../faces.js';
import { duration } from '../terminal/durations.js';
import { printable, wrap } from '../terminal/text-table.js';

/** What is known of a job; its answer last, as it is to be read. */
export function jobLines(job: JobFace, width: number): string[] {
  const { result, error } = job;
  return [
    `job ${job.job_id}: ${job.status}, ${printable(job.model)} in ${printable(job.region)} (${job.region_policy}), ${job.priority}`,
    ...waitLines(job),
    ...job.attempts.map(
      ({ attempt, region, endpoint_id: endpoint, status, error_code: code }) =>
        `  attempt ${attempt} ${printable(endpoint ?? region)}: ${status}${code === null ? '' : ` ${code}`}`,
    ),
    ...(error === null ? [] : [`  ${error.code}: ${printable(error.message)}`]),
    ...(result === null
      ? []
      : [
          `  answered by ${printable(result.region)}${result.substituted ? ', in place of the region that was asked' : ''} in ${duration(job.duration)}`,
          '',
          ...wrap(result.response ?? '(erased)', width),
        ]),
  ];
}

/** What a person should know of a job that was just taken. */
export function queuedLine(job: QueuedResponse): string {
  const { job_id: id, region, queue_position: position, estimated_wait_seconds: waitS, message } = job;
  // The router's own words name a path of the API, unless there is more to say.
  const words = message.includes(id)
    ? `queued in ${region}: position ${position}, about ${duration(waitS)} to wait`
    : message;
  return `${words}; follow it: beacon jobs watch ${id}, or look: beacon jobs status ${id}`;
}

/** One line, for whoever follows it. */
export function jobLine(job: JobFace): string {
  return [job.status, ...waitLines(job).map((line) => line.trim())].join(': ');
}

function waitLines({
  queue_position: position,
  estimated_wait_seconds: waitS,
  wait_reason: reason,
}: JobFace): string[] {
  if (position === null && reason === null) return [];
  const parts = [
    ...(position === null ? [] : [`position ${position}`]),
    ...(waitS === null ? [] : [`about ${duration(waitS)} to wait`]),
    ...(reason === null ? [] : [printable(reason)]),
  ];
  return [`  ${parts.join(', ')}`];
}
