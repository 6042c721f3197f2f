import { type GateDecidedView } from '#contracts';
import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { RunControls } from './run-controls.js';
import { runIdOf } from './run-id.js';

@Controller('runs/:id/gates/:gate')
export class RunGatesController {
  constructor(private readonly controls: RunControls) {}

  @Post('approve')
  @HttpCode(200)
  async approve(@Param('id') id: string, @Param('gate') gate: string): Promise<GateDecidedView> {
    return this.controls.decideGate(runIdOf(id), gate, 'approved');
  }

  @Post('reject')
  @HttpCode(200)
  async reject(@Param('id') id: string, @Param('gate') gate: string): Promise<GateDecidedView> {
    return this.controls.decideGate(runIdOf(id), gate, 'rejected');
  }
}
