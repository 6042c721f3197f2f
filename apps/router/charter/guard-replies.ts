import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import {
  CharterFault,
  ProblemError,
  charterProblemSchema,
  charterView,
  isCharterView,
  openAiErrorSchema,
} from '#contracts';
import type { Logger, Metrics } from '#observability';
import { accessOf } from '../access/route-access.js';
import '../access/caller.js';
import { OPENAI_ERROR_CONTENT, openAiRefusal, speaksOpenAi } from '../openai/refusals.js';
import { PROBLEM_TYPE } from '../http/refused-early.js';
import { routeName } from '../http/route-table.js';
import { CHARTER_FACES } from './charter-faces.js';
import type { CharterPolicy } from './charter-policy.js';
import { isCharterStream } from './charter-stream.js';
import { withoutMoney } from './without-money.js';

declare module 'fastify' {
  interface FastifyReply {
    /** Its document has been held against the charter, or against what an operator without the ledger may see. */
    isHeld: boolean;
  }
}

/**
 * The one door through which answers leave: whatever a controller returns, a customer is sent what a charter schema made,
 * or that something went wrong. Here and not in controllers, so that none can forget it.
 */
export function guardReplies(
  server: FastifyInstance,
  policy: CharterPolicy,
  metrics: Metrics,
  logger: Logger,
): void {
  server.decorateReply('isHeld', false);

  const fault = (request: FastifyRequest, reply: FastifyReply, reason: string): string => {
    const route = routeOf(request);
    metrics.count('beacon_charter_faults_total', { route });
    logger.error(
      { event: 'charter.refused', route, reason, request_id: request.id },
      'an answer that the charter does not allow was held back',
    );
    const refusal = new ProblemError('INTERNAL_ERROR', 'the fault has been logged');
    void reply.removeHeader('content-length').removeHeader('content-disposition');
    if (speaksOpenAi(request.url)) return openAiRefusal(reply, refusal);
    const problem = refusal.toProblem();
    void reply.code(problem.status).header('content-type', PROBLEM_TYPE);
    return JSON.stringify(problem);
  };

  server.addHook('preSerialization', async (request, reply, payload: unknown) => {
    const face = faceOf(policy, request);
    if (face === undefined) return payload;
    reply.isHeld = true;
    if (face.operations) return face.money ? payload : withoutMoney(payload);
    const charter = CHARTER_FACES[routeOf(request)];
    if (charter?.kind === 'document' && isObject(payload) && isCharterView(payload, charter.schema))
      return payload;
    return JSON.parse(fault(request, reply, 'a document that no charter schema made')) as unknown;
  });

  server.addHook('onSend', async (request, reply, payload: unknown) => {
    const face = faceOf(policy, request);
    if (face === undefined || face.operations || reply.isHeld) return payload;
    if (payload === undefined || payload === null || payload === '') return payload;
    const charter = CHARTER_FACES[routeOf(request)];
    if (charter?.kind === 'stream' && isObject(payload) && isCharterStream(payload)) return payload;
    const problemSchema = problemSchemaOf(request, reply);
    if (typeof payload === 'string' && problemSchema !== undefined) {
      try {
        return JSON.stringify(charterView(problemSchema, JSON.parse(payload)));
      } catch (error) {
        return fault(
          request,
          reply,
          error instanceof CharterFault ? error.message : 'a problem that is none',
        );
      }
    }
    destroy(payload);
    return fault(request, reply, 'a body that no charter schema made');
  });
}

/** @returns undefined where nothing is held back: the route is not one of customers */
function faceOf(policy: CharterPolicy, request: FastifyRequest) {
  if (request.caller === null) return undefined;
  const access = accessOf(routeOf(request));
  if (access?.kind !== 'role' || (access.role !== 'submit' && access.role !== 'read')) return undefined;
  return policy.faceOf(request.caller);
}

/** @returns how a customer is told of a refusal; undefined: the answer is none */
function problemSchemaOf(request: FastifyRequest, reply: FastifyReply): z.ZodType | undefined {
  const contentType = reply.getHeader('content-type');
  if (!speaksOpenAi(request.url)) return contentType === PROBLEM_TYPE ? charterProblemSchema : undefined;
  return reply.statusCode >= 400 && contentType === OPENAI_ERROR_CONTENT ? openAiErrorSchema : undefined;
}

function routeOf(request: FastifyRequest): string {
  return routeName(request.method, request.routeOptions.url ?? '');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** A stream that is not sent must not be left open. */
function destroy(payload: unknown): void {
  if (payload instanceof Readable) payload.destroy();
}
