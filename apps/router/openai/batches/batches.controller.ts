import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CharterView, batchErasedSchema, batchListSchema, batchSchema } from '#contracts';
import type { Caller } from '#domain';
import { From } from '../../access/caller.js';
import { BatchDesk } from './batch-desk.js';

/** Everybody sees of a batch what a customer does. */
@Controller('v1/batches')
export class BatchesController {
  constructor(@Inject(BatchDesk) private readonly desk: BatchDesk) {}

  @Post()
  @HttpCode(200)
  create(
    @Body() body: unknown,
    @From() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CharterView<typeof batchSchema>> {
    return this.desk.create(body, { request, reply, caller });
  }

  @Get()
  list(@Query() query: unknown, @From() caller: Caller): Promise<CharterView<typeof batchListSchema>> {
    return this.desk.list(query, caller);
  }

  @Get(':batch_id')
  read(@Param('batch_id') id: string): Promise<CharterView<typeof batchSchema>> {
    return this.desk.read(id);
  }

  @Post(':batch_id/cancel')
  @HttpCode(200)
  cancel(@Param('batch_id') id: string, @From() caller: Caller): Promise<CharterView<typeof batchSchema>> {
    return this.desk.cancel(id, caller);
  }

  @Post(':batch_id/erase')
  @HttpCode(200)
  erase(
    @Param('batch_id') id: string,
    @From() caller: Caller,
  ): Promise<CharterView<typeof batchErasedSchema>> {
    return this.desk.erase(id, caller);
  }
}
