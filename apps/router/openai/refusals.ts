import type { FastifyReply } from 'fastify';
import { isOpenAiPath, openAiErrorOf, type OpenAiError, type ProblemError } from '#contracts';

export const OPENAI_ERROR_CONTENT = 'application/json; charset=utf-8';

/** What is said instead of an answer, already in OpenAI's shape: of a job that failed, of a model that is not there. */
export class OpenAiFailure extends Error {
  constructor(readonly told: OpenAiError) {
    super(told.body.error.message);
    this.name = 'OpenAiFailure';
  }
}

/**
 * Sets the headers of a refusal in OpenAI's shape.
 * @returns its body
 */
export function tellOpenAi(reply: FastifyReply, { status, body, isFinal }: OpenAiError): string {
  if (isFinal) void reply.header('x-should-retry', 'false');
  void reply.status(status).header('content-type', OPENAI_ERROR_CONTENT);
  return JSON.stringify(body);
}

/** Whether the error of a path has OpenAI's shape. @param url with or without a query */
export function speaksOpenAi(url: string): boolean {
  return isOpenAiPath(url.split('?')[0] ?? '/');
}

/** What to ask instead of a part of OpenAI's API that is not served. */
export function hintAt(path: string): string {
  return /^\/v1\/responses(\/|$)/.test(path)
    ? '; use /v1/chat/completions (inspect: the provider openai-api, or -M responses_api=false)'
    : '';
}

export function openAiRefusal(reply: FastifyReply, problem: ProblemError): string {
  return tellOpenAi(reply, openAiErrorOf(problem));
}
