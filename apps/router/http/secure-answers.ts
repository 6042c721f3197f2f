import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import { DOOR_HEADERS } from '#contracts';

const ALLOWED_HEADERS = [
  ...['authorization', 'content-type', 'idempotency-key', 'last-event-id'],
  ...DOOR_HEADERS.map((name) => name.toLowerCase()),
  // OpenAI's client says them of itself.
  ...['lang', 'package-version', 'os', 'arch', 'runtime', 'runtime-version', 'retry-count', 'timeout'].map(
    (name) => `x-stainless-${name}`,
  ),
];
const EXPOSED_HEADERS = [
  ...['retry-after', 'x-request-id', 'www-authenticate', 'x-should-retry'],
  ...['x-beacon-job-id', 'x-beacon-region', 'x-beacon-attempt', 'x-beacon-substituted'],
];

/**
 * Headers by which browsers keep pages apart: what may be loaded, framed and read by whom.
 * @param origins whose pages may read answers
 */
export async function secureAnswers(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      // The page of the API's description has its style in the page.
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    // Whether a host is reached by https only is for whoever ends TLS before this server to say.
    strictTransportSecurity: false,
  });
  if (origins.length === 0) return;
  await server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ALLOWED_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  });
}
