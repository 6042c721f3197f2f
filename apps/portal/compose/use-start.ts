import { useQueryClient } from '@tanstack/react-query';
import type { AnswerOf } from '#router-client';
import { useClient } from '../client/client-context.js';
import { RouterProblem, answered } from '../client/router-problem.js';
import { useSingleMutation } from '../client/use-single-mutation.js';
import type { RunBody } from './draft.js';
import { StartKeys, randomKey } from './start-key.js';

const keys = new StartKeys(() => window.sessionStorage, randomKey);

const RETRIES_MAX = 8;
const RETRY_MS_MAX = 5000;

export interface Start {
  readonly start: (body: RunBody) => void;
  readonly isStarting: boolean;
  /** No answer came yet to one that was sent: it is asked again with the same key. */
  readonly isLost: boolean;
  readonly error: unknown;
}

/** Starts a run once, however often it is asked for and whichever answers are lost. */
export function useStart(onStarted: (run: AnswerOf<'/runs', 'post'>) => void): Start {
  const client = useClient();
  const queries = useQueryClient();
  // The key alone is not enough: where the first of two clicks is answered in between, the second would have another.
  const starting = useSingleMutation({
    mutationFn: async (body: RunBody) => {
      const key = keys.keyFor(JSON.stringify(body));
      const params = { header: { 'Idempotency-Key': key } };
      return { key, run: await answered(client.POST('/runs', { params, body })) };
    },
    // The key makes that safe.
    retry: (failures, error) => !(error instanceof RouterProblem) && failures < RETRIES_MAX,
    retryDelay: (failures) => Math.min(500 * 2 ** failures, RETRY_MS_MAX),
    onSuccess: async ({ key, run }) => {
      keys.answered(key);
      onStarted(run);
      await queries.invalidateQueries({ queryKey: ['runs'] });
    },
  });
  return {
    start: starting.mutate,
    isStarting: starting.isPending,
    isLost: starting.isPending && starting.failureCount > 0,
    error: starting.error ?? undefined,
  };
}
