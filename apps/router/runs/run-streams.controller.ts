import { Readable } from 'node:stream';
import { ProblemError, parseRequest, runResultsQuerySchema } from '#contracts';
import { isRunFinished, type Caller, type Face } from '#domain';
import { Database } from '#persistence';
import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterStream } from '../charter/charter-stream.js';
import { CHARTER_RESULTS, CONTENT_TYPES, resultStream } from './result-stream.js';
import { charterRunEvent } from '../charter/result-face.js';
import { withoutMoney } from '../charter/without-money.js';
import { RunEventFeed, type TellEvent } from './run-event-feed.js';
import { runIdOf } from './run-id.js';
import { RunReader } from './run-reader.js';

/** What is sent piece by piece. */
@Controller('runs/:id')
export class RunStreamsController {
  constructor(
    private readonly database: Database,
    private readonly reader: RunReader,
    private readonly feed: RunEventFeed,
    private readonly policy: CharterPolicy,
  ) {}

  @Get('results')
  async results(
    @Param('id') id: string,
    @Query() query: unknown,
    @From() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { format } = parseRequest(runResultsQuerySchema, query);
    const runId = runIdOf(id);
    const stream = this.policy.faceOf(caller).operations
      ? Readable.from(resultStream(this.database, await this.reader.find(runId), format))
      : charterStream(
          resultStream(this.reader.charter, await this.reader.findCharter(runId), format, CHARTER_RESULTS),
        );
    if (format === 'csv') void reply.header('content-disposition', `attachment; filename="run-${runId}.csv"`);
    void reply.type(CONTENT_TYPES[format]).send(stream);
  }

  @Get('events')
  async events(
    @Param('id') id: string,
    @From() caller: Caller,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') lastEventId = '0',
  ): Promise<void> {
    if (!/^[0-9]{1,18}$/.test(lastEventId)) {
      const message = 'is not the id of an event';
      throw new ProblemError('VALIDATION_FAILED', `Last-Event-ID: ${message}`, [
        { field: 'Last-Event-ID', message },
      ]);
    }
    const face = this.policy.faceOf(caller);
    const run = await this.reader.find(runIdOf(id));
    const stream = await this.feed.follow(run.id, lastEventId, isRunFinished(run.status), {
      database: face.operations ? this.database : this.reader.charter,
      tell: tellerOf(face),
      // Where there are no keys, everybody is one tenant.
      ...(caller.kind === 'local' ? {} : { tenant: caller.tenant }),
    });
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
      .send(face.operations ? Readable.from(stream.chunks) : charterStream(stream.chunks));
  }
}

function tellerOf(face: Face): TellEvent {
  if (!face.operations) return (event) => charterRunEvent(event, face);
  return face.money ? (event) => event : withoutMoney;
}
