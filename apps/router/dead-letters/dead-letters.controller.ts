import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type {
  CharterView,
  DeadLetterDetailView,
  DeadLetterListView,
  DeadLetterSummaryView,
  DeadLetterView,
  DiscardedManyView,
  RedrivenManyView,
  RedrivenView,
  charterDeadLetterDetailSchema,
  charterDeadLetterListSchema,
  charterDeadLetterSchema,
  charterDeadLetterSummarySchema,
  charterDiscardedManySchema,
  charterRedrivenManySchema,
  charterRedrivenSchema,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import {
  charterDeadLetter,
  charterDeadLetterDetail,
  charterDeadLetterList,
  charterDeadLetterSummary,
  charterDiscardedMany,
  charterRedriven,
  charterRedrivenMany,
} from '../charter/dead-letter-face.js';
import { DeadLetterReader } from './dead-letter-reader.js';
import { deadLetterDetailView, deadLetterListView, deadLetterView } from './dead-letter-views.js';
import { Redrive } from './redrive.js';

@Controller('dead-letters')
export class DeadLettersController {
  constructor(
    @Inject(DeadLetterReader) private readonly reader: DeadLetterReader,
    @Inject(Redrive) private readonly redriving: Redrive,
    @Inject(CharterPolicy) private readonly policy: CharterPolicy,
  ) {}

  @Get()
  async list(
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<DeadLetterListView | CharterView<typeof charterDeadLetterListSchema>> {
    const page = await this.reader.list(query, caller);
    return this.policy.reply(
      caller,
      () => deadLetterListView(page),
      () => charterDeadLetterList(page),
    );
  }

  @Get('summary')
  async summary(
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<DeadLetterSummaryView | CharterView<typeof charterDeadLetterSummarySchema>> {
    const summary = await this.reader.summary(query, caller);
    return this.policy.reply(
      caller,
      () => summary,
      () => charterDeadLetterSummary(summary),
    );
  }

  @Get(':job_id')
  async read(
    @Param('job_id') id: string,
    @From() caller: Caller,
  ): Promise<DeadLetterDetailView | CharterView<typeof charterDeadLetterDetailSchema>> {
    const letter = await this.reader.read(id);
    return this.policy.reply(
      caller,
      () => deadLetterDetailView(letter),
      () => charterDeadLetterDetail(letter),
    );
  }

  @Post('redrive')
  @HttpCode(202)
  async redriveMany(
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<RedrivenManyView | CharterView<typeof charterRedrivenManySchema>> {
    const redriven = await this.redriving.many(body, caller);
    return this.policy.reply(
      caller,
      () => redriven,
      () => charterRedrivenMany(redriven),
    );
  }

  @Post('discard')
  @HttpCode(200)
  async discardMany(
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<DiscardedManyView | CharterView<typeof charterDiscardedManySchema>> {
    const discarded = await this.redriving.discardMany(body, caller);
    return this.policy.reply(
      caller,
      () => discarded,
      () => charterDiscardedMany(discarded),
    );
  }

  @Post(':job_id/redrive')
  @HttpCode(202)
  async redrive(
    @Param('job_id') id: string,
    @From() caller: Caller,
  ): Promise<RedrivenView | CharterView<typeof charterRedrivenSchema>> {
    const redriven = await this.redriving.one(id, caller);
    return this.policy.reply(
      caller,
      () => redriven,
      () => charterRedriven(redriven),
    );
  }

  @Post(':job_id/discard')
  @HttpCode(200)
  async discard(
    @Param('job_id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<DeadLetterView | CharterView<typeof charterDeadLetterSchema>> {
    const letter = await this.redriving.discard(id, body, caller);
    return this.policy.reply(
      caller,
      () => deadLetterView(letter),
      () => charterDeadLetter(letter),
    );
  }
}
