import type { FastifyInstance } from 'fastify';
import type { Span, Tracing } from '#observability';

declare module 'fastify' {
  interface FastifyRequest {
    /** Covers the request until it is answered; null: it is not traced. */
    span: Span | null;
  }
}

/** Asked every few seconds by machines: they would bury what people look for. */
const NOT_TRACED = /^\/(health|metrics)(\/|$)/;

/**
 * One span for each request. A caller's `traceparent` is taken for its parent, and for nothing else: `tracestate` and
 * `baggage` are not read.
 */
export function traceRequests(server: FastifyInstance, tracing: Tracing): void {
  server.decorateRequest('span', null);
  if (!tracing.isOn) return;
  server.addHook('onRequest', (request, _reply, done) => {
    const { url: route = 'none' } = request.routeOptions;
    if (!NOT_TRACED.test(route)) {
      const parent = request.headers['traceparent'];
      request.span = tracing.span({
        name: `${request.method} ${route}`,
        kind: 'server',
        parent: typeof parent === 'string' ? parent : undefined,
        attributes: {
          'http.request.method': request.method,
          'http.route': route,
          'beacon.request.id': request.id,
        },
      });
    }
    done();
  });
  // Also where the caller has hung up.
  server.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply;
    request.span?.set({ 'http.response.status_code': statusCode });
    request.span?.end(statusCode >= 500 ? String(statusCode) : undefined);
    done();
  });
}
