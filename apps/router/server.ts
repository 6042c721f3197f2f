import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { guardRoutes, requireAccess } from './access/guard-routes.js';
import { endWithKeys } from './access/requests-under-way.js';
import { secureAnswers } from './http/secure-answers.js';
import { guardCallbacks } from './callbacks/guard-callbacks.js';
import { CharterPolicy } from './charter/charter-policy.js';
import { guardReplies } from './charter/guard-replies.js';
import { apiDocument } from './http/api-document.js';
import { measureRequests } from './http/http-metrics.js';
import { acceptEmptyBodies } from './openai/accept-empty-bodies.js';
import { acceptUploads } from './openai/files/accept-uploads.js';
import { ProblemFilter } from './http/problem-filter.js';
import { refuseConnection, refusePath } from './http/refused-early.js';
import { serveApiPage } from './page/serve-api-page.js';
import { servePage } from './page/serve-page.js';
import { RouteTable } from './http/route-table.js';
import { traceRequests } from './http/trace-requests.js';
import { closeUnusedConnections } from './http/unused-connections.js';
import { RouterModule } from './router.module.js';
import type { Router } from './router.js';

/** The HTTP server of a router; not listening yet. */
export async function createServer(
  router: Router,
): Promise<{ app: NestFastifyApplication; routes: RouteTable }> {
  const routes = new RouteTable();
  const adapter = new FastifyAdapter({
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: router.configuration.limits.body_bytes,
    trustProxy: router.configuration.http.trusted_proxies,
    routerOptions: { maxParamLength: 256 },
    // Slow or stuck clients must not hold connections for ever while they send.
    connectionTimeout: 0,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    frameworkErrors: refusePath,
    clientErrorHandler: refuseConnection,
  });
  const server = adapter.getInstance<FastifyInstance>();
  closeUnusedConnections(server);
  server.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  traceRequests(server, router.tracing);
  acceptEmptyBodies(server);
  acceptUploads(server, router.configuration.limits.upload_s);
  await secureAnswers(server, router.configuration.http.cors_origins);
  measureRequests(server, router.metrics);
  guardRoutes(server, router.database, router.authenticator, router.rateLimits);
  if (router.keyRing !== undefined) endWithKeys(server, router.keyRing);
  guardCallbacks(server, router.webhookSecrets, router.rateLimits, router.metrics);
  const policy = new CharterPolicy(router.configuration.charter.show_costs);
  guardReplies(server, policy, router.metrics, router.logger);
  const app = await NestFactory.create<NestFastifyApplication>(RouterModule.of(router, policy), adapter, {
    logger: false,
    abortOnError: false,
    // Nest would add a parser for forms; Fastify's own for JSON is the only one that is wanted.
    bodyParser: false,
  });
  server.removeContentTypeParser('text/plain');
  app.useGlobalFilters(new ProblemFilter(router.logger, routes));
  await servePage(server);
  await serveApiPage(server, () => apiDocument(router.limits));
  await app.init();
  await server.ready();
  requireAccess(routes.list());
  return { app, routes };
}
