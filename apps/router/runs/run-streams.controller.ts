import { Readable } from 'node:stream';
import { ProblemError, parseRequest, runResultsQuerySchema } from '#contracts';
import { isRunFinished } from '#domain';
import { Database } from '#persistence';
import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CONTENT_TYPES, resultStream } from './result-stream.js';
import { RunEventFeed } from './run-event-feed.js';
import { runIdOf } from './run-id.js';
import { RunReader } from './run-reader.js';

/** What is sent piece by piece. */
@Controller('runs/:id')
export class RunStreamsController {
  constructor(
    private readonly database: Database,
    private readonly reader: RunReader,
    private readonly feed: RunEventFeed,
  ) {}

  @Get('results')
  async results(@Param('id') id: string, @Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { format } = parseRequest(runResultsQuerySchema, query);
    const run = await this.reader.find(runIdOf(id));
    if (format === 'csv')
      void reply.header('content-disposition', `attachment; filename="run-${run.id}.csv"`);
    void reply.type(CONTENT_TYPES[format]).send(Readable.from(resultStream(this.database, run, format)));
  }

  @Get('events')
  async events(
    @Param('id') id: string,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') lastEventId = '0',
  ): Promise<void> {
    if (!/^[0-9]{1,18}$/.test(lastEventId)) {
      const message = 'is not the id of an event';
      throw new ProblemError('VALIDATION_FAILED', `Last-Event-ID: ${message}`, [
        { field: 'Last-Event-ID', message },
      ]);
    }
    const run = await this.reader.find(runIdOf(id));
    const stream = await this.feed.follow(run.id, lastEventId, isRunFinished(run.status));
    if (stream === undefined) {
      // Tells an EventSource not to come back.
      void reply.code(204).send();
      return;
    }
    if (reply.raw.destroyed) stream.release();
    else reply.raw.once('close', stream.release);
    void reply
      .type('text/event-stream; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .send(Readable.from(stream.chunks));
  }
}
