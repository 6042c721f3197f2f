import type { JobStatusView } from '#contracts';
import type { AcceptedAnswer, FailedCell } from '#persistence';

const INT4_MAX = 2_147_483_647;

/** The cell and try a job was made for. */
export interface CellTry {
  readonly cellNo: number;
  readonly cellAttempt: number;
}

export type CellOutcome =
  | { readonly kind: 'answered'; readonly answer: AcceptedAnswer }
  | { readonly kind: 'unanswered'; readonly cell: FailedCell }
  /** The job is over because somebody cancelled it. */
  | { readonly kind: 'cancelled'; readonly cell: FailedCell };

/**
 * @param job undefined: the router knows no such job
 * @returns undefined while the job is not over
 */
export function outcomeOf(
  cell: CellTry,
  region: string,
  pinned: boolean,
  job: JobStatusView | undefined,
): CellOutcome | undefined {
  // A job that vanished was lost, not answered: another one may be.
  if (job === undefined)
    return { kind: 'unanswered', cell: { ...cell, jobAttempts: 0, code: 'ATTEMPT_LOST' } };
  const jobAttempts = job.attempts.length;
  switch (job.status) {
    case 'completed': {
      const { result } = job;
      // What was erased before it was taken over is lost like what never came.
      if (result === null || result.response === null)
        return { kind: 'unanswered', cell: { ...cell, jobAttempts, code: 'RESPONSE_INVALID' } };
      if (pinned && (result.substituted || result.region !== region)) {
        return { kind: 'unanswered', cell: { ...cell, jobAttempts, code: 'REGION_MISMATCH' } };
      }
      const answering = answeringAttempt(job);
      return {
        kind: 'answered',
        answer: {
          ...cell,
          jobAttempts,
          answer: storable(result.response),
          answeredRegion: result.region,
          endpointId: answering?.endpoint_id ?? null,
          inferenceTimeS: result.inference_time,
          tokensGenerated:
            result.tokens_generated === null ? null : Math.min(result.tokens_generated, INT4_MAX),
          askedAt: answering?.started_at ?? null,
        },
      };
    }
    case 'failed':
    case 'expired':
      return {
        kind: 'unanswered',
        cell: { ...cell, jobAttempts, code: job.error?.code ?? 'INTERNAL_ERROR' },
      };
    case 'cancelled':
      return { kind: 'cancelled', cell: { ...cell, jobAttempts, code: 'CALL_CANCELLED' } };
    default:
      return undefined;
  }
}

function answeringAttempt({ attempts }: JobStatusView): JobStatusView['attempts'][number] | undefined {
  return attempts.findLast(({ status }) => status === 'succeeded') ?? attempts.at(-1);
}

/** One answer that Postgres cannot store must not stop a run: it would be asked for, and fail, for ever. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '\uFFFD').toWellFormed();
}
