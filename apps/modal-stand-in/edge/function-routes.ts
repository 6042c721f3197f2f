import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FastifyExchange } from './fastify-exchange.js';
import type { FunctionEdge } from './function-edge.js';

/** Everything below it is the stand-in's own; the rest of the URL space plays Modal. */
const OWN_PREFIX = '/_stand-in/';

/**
 * The simulated functions as one bare Fastify route. They do not go through Nest: benchmarks push thousands of
 * calls per second through here, and Modal's odd answers (empty 303s, broken connections) fit no controller.
 */
export function registerFunctionRoutes(fastify: FastifyInstance, edge: FunctionEdge): void {
  void fastify.register(async (scope) => {
    // Bodies stay text, so that a malformed one is answered as the deployed application would.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    scope.setErrorHandler(answerError);
    scope.all('/*', (request, reply) => {
      if (request.raw.url?.startsWith(OWN_PREFIX) === true) {
        void reply
          .code(404)
          .header('content-type', 'application/problem+json')
          .send(JSON.stringify({ type: 'about:blank', title: 'Not found', status: 404, code: 'NOT_FOUND' }));
        return;
      }
      edge.handle(new FastifyExchange(request, reply));
    });
  });
}

/** Too large a body, for one. Modal's wording is not known; the status is a guess that clients must survive. */
function answerError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  void reply
    .code(error.statusCode ?? 500)
    .header('content-type', 'text/plain')
    .send(`modal-http: ${error.message}`);
}
