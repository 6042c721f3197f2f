import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '#contracts';
import { openAiRefusal, speaksOpenAi } from '../openai/refusals.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** How much of a body that is too large is read and dropped, and for how long, before the answer goes out. */
const DROPPED_BYTES_MAX = 64 * 1024 * 1024;
const DROPPED_MS_MAX = 5000;

/** Fastify's `frameworkErrors`: paths that it refuses before any route, hook or filter sees them. */
export function refusePath(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const detail =
    error.code === 'FST_ERR_MAX_PARAM_LENGTH'
      ? 'path: a part of it is too long'
      : 'path: is not a valid URL path';
  const refusal = new ProblemError('REQUEST_INVALID', detail, [
    { field: 'path', message: detail.slice('path: '.length) },
  ]);
  if (speaksOpenAi(request.url)) {
    void reply.send(openAiRefusal(reply, refusal));
    return;
  }
  const problem = refusal.toProblem();
  void reply.status(problem.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(problem));
}

/** Fastify's `clientErrorHandler`: bytes that are no HTTP request, or headers beyond the limit. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const problem = new ProblemError('REQUEST_INVALID', 'the bytes received are not a valid HTTP request');
    const body = JSON.stringify(problem.toProblem());
    const head = ['HTTP/1.1 400 Bad Request', `content-type: ${PROBLEM_TYPE}`, 'connection: close'];
    socket.write([...head, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'));
  }
  socket.destroySoon();
}

/**
 * Reads what the client is still sending and drops it. A connection that is closed with unread bytes is reset, and
 * the client, busy sending, would see that instead of the answer.
 */
export async function dropBody(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const finish = (): void => {
      clearTimeout(timer);
      request.off('data', count).off('end', finish).off('close', finish);
      resolve();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > DROPPED_BYTES_MAX) finish();
    };
    const timer = setTimeout(finish, DROPPED_MS_MAX);
    request.on('data', count).once('end', finish).once('close', finish).resume();
  });
}
