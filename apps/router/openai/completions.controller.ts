import { Body, Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  chatChunkSchema,
  chatChunksOf,
  chatCompletionOf,
  chatCompletionSchema,
  chatRequestSchema,
  completionRequestSchema,
  jobOfChat,
  jobsOfCompletion,
  parseRequest,
  textChunkSchema,
  textChunksOf,
  textCompletionOf,
  textCompletionSchema,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { OpenAiDesk } from './openai-desk.js';

/** What OpenAI's clients ask models. */
@Controller('v1')
export class CompletionsController {
  constructor(@Inject(OpenAiDesk) private readonly desk: OpenAiDesk) {}

  @Post('chat/completions')
  @HttpCode(200)
  chat(
    @Body() body: unknown,
    @From() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = parseRequest(chatRequestSchema, body);
    return this.desk.serve(
      {
        route: 'chat',
        body: asked,
        jobs: (place) => [jobOfChat(asked, place)],
        answer: ([job]) => chatCompletionOf(asked, job),
        answerSchema: chatCompletionSchema,
        chunks: ([job]) => chatChunksOf(asked, job),
        chunkSchema: chatChunkSchema,
      },
      { request, reply, caller },
    );
  }

  @Post('completions')
  @HttpCode(200)
  complete(
    @Body() body: unknown,
    @From() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = parseRequest(completionRequestSchema, body);
    return this.desk.serve(
      {
        route: 'completions',
        body: asked,
        jobs: (place) => jobsOfCompletion(asked, place),
        answer: (jobs) => textCompletionOf(asked, jobs),
        answerSchema: textCompletionSchema,
        chunks: (jobs) => textChunksOf(asked, jobs),
        chunkSchema: textChunkSchema,
      },
      { request, reply, caller },
    );
  }
}
