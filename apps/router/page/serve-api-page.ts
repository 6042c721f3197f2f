import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const PARTS = new Set(['/swagger-ui.css', '/swagger-ui-bundle.js', '/favicon-32x32.png']);

// Addresses are relative: Beacon may be served below a path.
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Beacon API</title>
    <link rel="icon" href="docs/favicon-32x32.png" />
    <link rel="stylesheet" href="docs/swagger-ui.css" />
  </head>
  <body>
    <div id="api"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;
const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#api', deepLinking: true });\n`;

/**
 * Serves the description of the API at `/openapi.json`, and a page that shows it at `/docs`.
 * @param describe makes the document; it takes a fifth of a second, so it is asked for with the first request: a router
 * that was killed is back sooner without it
 */
export async function serveApiPage(
  server: FastifyInstance,
  describe: () => Readonly<Record<string, unknown>>,
): Promise<void> {
  let document: string | undefined;
  server.get('/openapi.json', (_request, reply) => {
    document ??= JSON.stringify(describe());
    return reply.type('application/json; charset=utf-8').send(document);
  });
  server.get('/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE));
  server.get('/docs/', (_request, reply) => reply.redirect('../docs', 308));
  server.get('/docs/start.js', (_request, reply) => reply.type('text/javascript; charset=utf-8').send(START));
  await server.register(fastifyStatic, {
    root: SWAGGER_UI,
    prefix: '/docs/',
    allowedPath: (path) => PARTS.has(path),
    index: false,
    decorateReply: false,
    maxAge: '1d',
  });
}
