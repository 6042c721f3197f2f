import { type RunExtendView, type RunRetryView, type RunStateView } from '#contracts';
import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { RunControls } from './run-controls.js';
import { runIdOf } from './run-id.js';
import { RunReopening } from './run-reopening.js';

@Controller('runs/:id')
export class RunControlsController {
  constructor(
    private readonly controls: RunControls,
    private readonly reopening: RunReopening,
  ) {}

  @Post('pause')
  @HttpCode(200)
  async pause(@Param('id') id: string): Promise<RunStateView> {
    return this.controls.pause(runIdOf(id));
  }

  @Post('resume')
  @HttpCode(200)
  async resume(@Param('id') id: string): Promise<RunStateView> {
    return this.controls.resume(runIdOf(id));
  }

  @Post('retry-failed')
  @HttpCode(202)
  async retryFailed(@Param('id') id: string, @Body() body: unknown): Promise<RunRetryView> {
    return this.reopening.retryFailed(runIdOf(id), body);
  }

  @Post('extend')
  @HttpCode(202)
  async extend(@Param('id') id: string, @Body() body: unknown): Promise<RunExtendView> {
    return this.reopening.extend(runIdOf(id), body);
  }
}
