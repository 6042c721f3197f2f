import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '#contracts';
import type { RequestErrorCode } from '#domain';
import type { Logger } from '#observability';
import { OpenAiFailure, hintAt, openAiRefusal, speaksOpenAi, tellOpenAi } from '../openai/refusals.js';
import { PROBLEM_TYPE, dropBody } from './refused-early.js';
import type { RouteTable } from './route-table.js';

/** What Fastify refuses before a controller is reached. Nest keeps the status of its errors and drops the code. */
const REFUSED_BODIES = new Map<unknown, (bodyBytes: number) => ProblemError>([
  [
    413,
    (bodyBytes) =>
      refusedField('BODY_TOO_LARGE', 'body', `is larger than ${bodyBytes} bytes (limits.body_bytes)`),
  ],
  [415, () => refusedField('UNSUPPORTED_MEDIA_TYPE', 'Content-Type', 'must be application/json')],
]);

/** SQLSTATE classes and socket errors that mean the database cannot be used now. */
const DATABASE_AWAY = /^(?:08|57P|53|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)/;

/**
 * Turns whatever was thrown into one RFC 9457 problem document, or an error as OpenAI's clients read it where the path is
 * theirs. Never a stack trace, never a driver's words.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly routes: RouteTable,
  ) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const path = request.url.split('?')[0] ?? '/';
    if (error instanceof OpenAiFailure) {
      if (!reply.sent) void reply.send(tellOpenAi(reply, error.told));
      return;
    }
    const problem = this.problemOf(error, request, path, reply);
    const document = problem.toProblem(path);
    if (document.status >= 500) {
      this.logger.error(
        {
          event: 'http.failed',
          code: problem.code,
          method: request.method,
          route: request.routeOptions.url,
          err: error,
        },
        'a request failed',
      );
    }
    if (problem.code === 'UNAUTHENTICATED') void reply.header('www-authenticate', 'Bearer');
    if (problem.retryAfterS !== undefined) void reply.header('retry-after', String(problem.retryAfterS));
    if (problem.code === 'BODY_TOO_LARGE') await dropBody(request.raw);
    if (reply.sent) return;
    if (speaksOpenAi(path)) {
      void reply.send(openAiRefusal(reply, problem));
      return;
    }
    void reply.status(document.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(document));
  }

  private problemOf(
    error: unknown,
    { method, routeOptions, server, id }: FastifyRequest,
    path: string,
    reply: FastifyReply,
  ): ProblemError {
    if (error instanceof ProblemError) return error;
    const { statusCode } = error as { statusCode?: unknown };
    if (error instanceof SyntaxError) return refusedField('MALFORMED_JSON', 'body', 'is not valid JSON');
    const status = error instanceof HttpException ? error.getStatus() : statusCode;
    if (status === 404) {
      const allowed = this.routes.methodsOf(path);
      if (allowed.length > 0) {
        void reply.header('allow', allowed.join(', '));
        return new ProblemError(
          'METHOD_NOT_ALLOWED',
          `${method} is not allowed here; allowed: ${allowed.join(', ')}`,
        );
      }
      return new ProblemError(
        'ROUTE_NOT_FOUND',
        `there is nothing at ${method} ${path.slice(0, 200)}${hintAt(path)}`,
      );
    }
    const refused = REFUSED_BODIES.get(status);
    if (refused !== undefined) return refused(routeOptions.bodyLimit ?? server.initialConfig.bodyLimit ?? 0);
    if (typeof status === 'number' && status >= 400 && status < 500) {
      // Nest wraps the parser's errors; all of them are about the body.
      return refusedField('MALFORMED_JSON', 'body', 'is not valid JSON');
    }
    const sqlState = unstorableState(error);
    if (sqlState !== undefined) {
      // No schema has caught it, or a statement of ours is wrong. The driver's words quote the value: they stay out.
      this.logger.warn(
        { event: 'http.unstorable', sql_state: sqlState, method, route: routeOptions.url, request_id: id },
        'the database did not take a value of a request',
      );
      return new ProblemError(
        'VALIDATION_FAILED',
        'request: holds a value that the database does not take',
        [],
        {
          cause: error,
        },
      );
    }
    if (isDatabaseAway(error))
      return new ProblemError('DATABASE_UNAVAILABLE', 'the database cannot be reached; try again', [], {
        cause: error,
      });
    return new ProblemError('INTERNAL_ERROR', 'the fault has been logged', [], { cause: error });
  }
}

function refusedField(code: RequestErrorCode, field: string, message: string): ProblemError {
  return new ProblemError(code, `${field}: ${message}`, [{ field, message }]);
}

/** @returns a code of SQLSTATE's class 22: U+0000 in a filter, a number out of range, whatever no schema thought of */
function unstorableState(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return error instanceof Error && typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code)
    ? code
    : undefined;
}

/** Whether the database cannot be used now. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && DATABASE_AWAY.test(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect/.test(error.message);
}
