import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { serviceHeadersSchema } from '#contracts';
import { LOCAL_CALLER, LOCAL_TENANT, type Caller } from '#domain';
import type { Authenticator } from './guard-routes.js';

/** Compares in constant time, whatever the lengths. */
export function isSameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** Whether a request comes from another process of Beacon; that may speak for any tenant. */
export function serviceCaller(request: FastifyRequest, serviceToken: string | undefined): Caller | undefined {
  const token = bearerOf(request);
  if (token === undefined || serviceToken === undefined || !isSameSecret(token, serviceToken))
    return undefined;
  const about = serviceHeadersSchema.safeParse(request.headers);
  return {
    kind: 'service',
    tenant: about.data?.['x-beacon-tenant'] ?? LOCAL_TENANT,
    keyId: about.data?.['x-beacon-key-id'] ?? null,
    roles: ['submit', 'operate'],
    limits: {},
    requestId: null,
  };
}

/** Of a server without keys, which listens on the loopback interface alone: everybody may do everything. */
export class OpenDoor implements Authenticator {
  constructor(private readonly serviceToken: string | undefined) {}

  authenticate(request: FastifyRequest): Caller {
    return serviceCaller(request, this.serviceToken) ?? LOCAL_CALLER;
  }
}
