import type { FastifyInstance } from 'fastify';
import type { Metrics } from '#observability';

/** Counts requests by route pattern, never by path: a path is unbounded. */
export function measureRequests(server: FastifyInstance, metrics: Metrics): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const { method } = request;
    metrics.count('beacon_http_requests_total', { method, route, status: String(reply.statusCode) });
    metrics.observe('beacon_http_request_seconds', { method, route }, reply.elapsedTime / 1000);
    done();
  });
}
