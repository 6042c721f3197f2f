import type { FastifyInstance } from 'fastify';
import { ProblemError } from '#contracts';
import type { Metrics } from '#observability';
import type { RateLimits } from '../limits/rate-limits.js';
import { callerAddress } from '../http/caller-address.js';
import { routeName } from '../http/route-table.js';
import { isOneOf } from '../access/secrets.js';

const ROUTE = 'POST /api/webhooks/modal/task-complete';
/** A report names a job; a deployment may add some fields of its own. */
const BODY_BYTES = 16_384;

/**
 * Reports of deployments are believed nothing, but still: only who has the secret is heard, which is asked before the
 * body is read, and what is read is short. Wrong ones count as wrong keys do: guessing is slow.
 * @param secrets the one in force and, during a rotation, the one before; none: nobody is heard
 */
export function guardCallbacks(
  server: FastifyInstance,
  secrets: readonly string[],
  rateLimits: RateLimits,
  metrics: Metrics,
): void {
  server.addHook('onRoute', (route) => {
    if (isCallback(route.method, route.url)) route.bodyLimit = BODY_BYTES;
  });
  server.addHook('onRequest', async (request) => {
    if (!isCallback(request.method, request.routeOptions.url)) return;
    const { 'x-webhook-secret': header } = request.headers;
    const secret = typeof header === 'string' ? header : '';
    const refuseWrong = (): void => {
      if (!isOneOf(secret, secrets)) throw refusal();
    };
    try {
      // Without a secret there is nothing to guess.
      if (secret === '') refuseWrong();
      const guess = { address: callerAddress(request), secret };
      await rateLimits.slowGuessingOf('X-Webhook-Secret', guess, 'CALLBACK_REFUSED', refuseWrong);
    } catch (error) {
      metrics.count('beacon_callbacks_total', { result: 'refused' });
      throw error;
    }
    if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) throw tooLong();
  });
}

function refusal(): ProblemError {
  return new ProblemError('CALLBACK_REFUSED', 'X-Webhook-Secret: is missing or wrong', [
    { field: 'X-Webhook-Secret', message: 'must be the value of BEACON_WEBHOOK_SECRET' },
  ]);
}

function tooLong(): ProblemError {
  const message = `must be at most ${BODY_BYTES} bytes`;
  return new ProblemError('BODY_TOO_LARGE', `body: ${message}`, [{ field: 'body', message }]);
}

function isCallback(method: string | string[], url: string | undefined): boolean {
  return typeof method === 'string' && url !== undefined && routeName(method, url) === ROUTE;
}
