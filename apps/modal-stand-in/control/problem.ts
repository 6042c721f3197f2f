import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { ZodError } from 'zod';

export interface FieldError {
  /** e.g. `delay_s`; empty for the whole body. */
  readonly field: string;
  readonly message: string;
}

/** An RFC 9457 problem of the stand-in's own API. */
export class StandInProblem extends HttpException {
  constructor(
    status: number,
    readonly code: string,
    title: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(title, status);
  }
}

/** @param unknownKey what to say of a field that nobody knows */
export function fieldErrors({ issues }: ZodError, unknownKey: string): FieldError[] {
  return issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? { field: issue.keys.join(', '), message: unknownKey }
      : { field: issue.path.map(String).join('.'), message: issue.message },
  );
}

@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const status = statusOf(error);
    const errors = error instanceof StandInProblem ? error.errors : [];
    const title = error instanceof Error && status < 500 ? error.message : 'Internal error';
    void reply
      .code(status)
      .header('content-type', 'application/problem+json')
      .send(
        JSON.stringify({
          type: 'about:blank',
          title,
          status,
          code: error instanceof StandInProblem ? error.code : status < 500 ? 'BAD_REQUEST' : 'INTERNAL',
          ...(errors.length === 0
            ? {}
            : { detail: errors.map(({ field, message }) => `${field}: ${message}`).join('; '), errors }),
        }),
      );
  }
}

/** Nest's exceptions carry `getStatus()`, Fastify's (an unreadable body) `statusCode`. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    return error.statusCode;
  }
  return 500;
}
