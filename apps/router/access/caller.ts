import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '#domain';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for routes that need a role, before anything else is done. */
    caller: Caller | null;
  }
}

/** @throws where the route needs no role: it has no caller */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error(`${request.url} has no caller`);
  return request.caller;
}

/** Parameter of a controller's method: on whose behalf the request comes. */
export const From = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
