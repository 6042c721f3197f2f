import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '#contracts';
import type { Logger } from '#observability';
import type { RouteTable } from './route-table.js';

/** What Fastify says before a controller is reached. */
const FASTIFY_CODES: Readonly<Record<string, (error: Error) => ProblemError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new ProblemError('BODY_TOO_LARGE', 'body: is larger than the limit (limits.body_bytes)', [
      { field: 'body', message: 'is larger than the limit (limits.body_bytes)' },
    ]),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ProblemError('UNSUPPORTED_MEDIA_TYPE', 'Content-Type: must be application/json', [
      { field: 'Content-Type', message: 'must be application/json' },
    ]),
  FST_ERR_CTP_EMPTY_JSON_BODY: () =>
    new ProblemError('MALFORMED_JSON', 'body: is empty', [{ field: 'body', message: 'is empty' }]),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ProblemError('REQUEST_INVALID', 'Content-Length: does not match the body', [
      { field: 'Content-Length', message: 'does not match the body' },
    ]),
};

/** SQLSTATE classes and socket errors that mean the database cannot be used now. */
const DATABASE_AWAY = /^(?:08|57P|53|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)/;

/** Turns whatever was thrown into one RFC 9457 problem document. Never a stack trace, never a driver's words. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly routes: RouteTable,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const path = request.url.split('?')[0] ?? '/';
    const problem = this.problemOf(error, request.method, path, reply);
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
    if (reply.sent) return;
    void reply
      .status(document.status)
      .header('content-type', 'application/problem+json; charset=utf-8')
      .send(JSON.stringify(document));
  }

  private problemOf(error: unknown, method: string, path: string, reply: FastifyReply): ProblemError {
    if (error instanceof ProblemError) return error;
    const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
    if (typeof code === 'string') {
      const known = FASTIFY_CODES[code];
      if (known !== undefined && error instanceof Error) return known(error);
    }
    if (error instanceof SyntaxError) {
      return new ProblemError('MALFORMED_JSON', 'body: is not valid JSON', [
        { field: 'body', message: 'is not valid JSON' },
      ]);
    }
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
      return new ProblemError('ROUTE_NOT_FOUND', `there is nothing at ${method} ${path.slice(0, 200)}`);
    }
    if (status === 413)
      return new ProblemError('BODY_TOO_LARGE', 'body: is larger than the limit (limits.body_bytes)');
    if (typeof status === 'number' && status >= 400 && status < 500) {
      // Nest wraps the parser's errors; all of them are about the body.
      return new ProblemError('MALFORMED_JSON', 'body: is not valid JSON', [
        { field: 'body', message: 'is not valid JSON' },
      ]);
    }
    if (isDatabaseAway(error))
      return new ProblemError('DATABASE_UNAVAILABLE', 'the database cannot be reached; try again', [], {
        cause: error,
      });
    return new ProblemError('INTERNAL_ERROR', 'the fault has been logged', [], { cause: error });
  }
}

function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && DATABASE_AWAY.test(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect/.test(error.message);
}
