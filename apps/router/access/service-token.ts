import type { FastifyRequest } from 'fastify';
import { serviceHeadersSchema } from '#contracts';
import { LOCAL_CALLER, LOCAL_TENANT, type Caller } from '#domain';
import type { Authenticator } from './guard-routes.js';
import { isOneOf } from './secrets.js';

export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** Whether a request comes from another process of Beacon; that may speak for any tenant. */
export function serviceCaller(request: FastifyRequest, serviceToken: string | undefined): Caller | undefined {
  const token = bearerOf(request);
  if (token === undefined || serviceToken === undefined || !isOneOf(token, [serviceToken])) return undefined;
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
