import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type {
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterSummaryView,
  DeadLetterView,
  DiscardedManyView,
  RedrivenManyView,
  RedrivenView,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { DeadLetterReader } from './dead-letter-reader.js';
import { Redrive } from './redrive.js';

@Controller('dead-letters')
export class DeadLettersController {
  constructor(
    @Inject(DeadLetterReader) private readonly reader: DeadLetterReader,
    @Inject(Redrive) private readonly redriving: Redrive,
  ) {}

  @Get()
  list(@Query() query: unknown, @From() caller: Caller): Promise<DeadLetterListView> {
    return this.reader.list(query, caller);
  }

  @Get('summary')
  summary(@Query() query: unknown, @From() caller: Caller): Promise<DeadLetterSummaryView> {
    return this.reader.summary(query, caller);
  }

  @Get(':job_id')
  read(@Param('job_id') id: string, @From() caller: Caller): Promise<DeadLetterDetailView> {
    return this.reader.read(id, caller);
  }

  @Post('redrive')
  @HttpCode(202)
  redriveMany(@Body() body: unknown, @From() caller: Caller): Promise<RedrivenManyView> {
    return this.redriving.many(body, caller);
  }

  @Post('discard')
  @HttpCode(200)
  discardMany(@Body() body: unknown, @From() caller: Caller): Promise<DiscardedManyView> {
    return this.redriving.discardMany(body, caller);
  }

  @Post(':job_id/redrive')
  @HttpCode(202)
  redrive(@Param('job_id') id: string, @From() caller: Caller): Promise<RedrivenView> {
    return this.redriving.one(id, caller);
  }

  @Post(':job_id/discard')
  @HttpCode(200)
  discard(
    @Param('job_id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<DeadLetterView> {
    return this.redriving.discard(id, body, caller);
  }
}
