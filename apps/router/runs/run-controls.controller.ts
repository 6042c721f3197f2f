import { type RunStateView } from '#contracts';
import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { RunControls } from './run-controls.js';
import { runIdOf } from './run-id.js';

@Controller('runs/:id')
export class RunControlsController {
  constructor(private readonly controls: RunControls) {}

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
}
