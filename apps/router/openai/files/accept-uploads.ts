import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '#contracts';

const UPLOADS = '/v1/files';
/** How long the body of any other request may take to arrive. */
const BODY_MS = 30_000;
const LOOK_MS = 1000;

/**
 * Lets forms in at the one route that streams them, and nowhere else. Node's own limit on how long a request may take to
 * arrive holds for the whole server, so it is set to what uploads need, and everybody else is held to theirs here.
 * @param uploadS how long an upload may take
 */
export function acceptUploads(server: FastifyInstance, uploadS: number, bodyMs = BODY_MS): void {
  server.addContentTypeParser('multipart/form-data', (request: FastifyRequest, _body, done) => {
    if (request.routeOptions.url === UPLOADS && request.method === 'POST') {
      // Unread: the controller reads it piece by piece.
      done(null, undefined);
      return;
    }
    done(
      new ProblemError('UNSUPPORTED_MEDIA_TYPE', 'Content-Type: must be application/json', [
        { field: 'Content-Type', message: 'must be application/json' },
      ]),
    );
  });

  server.server.requestTimeout = uploadS * 1000;
  server.server.headersTimeout = Math.min(bodyMs, uploadS * 1000);
  const arriving = new Map<FastifyRequest, number>();
  server.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.url !== UPLOADS) arriving.set(request, performance.now());
    done();
  });
  server.addHook('preValidation', (request, _reply, done) => {
    arriving.delete(request);
    done();
  });
  server.addHook('onResponse', (request, _reply, done) => {
    arriving.delete(request);
    done();
  });
  server.addHook('onRequestAbort', (request, done) => {
    arriving.delete(request);
    done();
  });
  const timer = setInterval(() => {
    const longSince = performance.now() - bodyMs;
    for (const [request, sinceMs] of arriving) {
      // In the order in which they came.
      if (sinceMs > longSince) break;
      arriving.delete(request);
      if (!request.raw.complete) request.raw.destroy();
    }
  }, LOOK_MS);
  timer.unref();
  server.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
}
