import { type CharterView, type GateDecidedView, type charterGateDecidedSchema } from '#contracts';
import type { Caller, GateDecision } from '#domain';
import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterGateDecided } from '../charter/run-face.js';
import { RunControls } from './run-controls.js';
import { runIdOf } from './run-id.js';

@Controller('runs/:id/gates/:gate')
export class RunGatesController {
  constructor(
    private readonly controls: RunControls,
    private readonly policy: CharterPolicy,
  ) {}

  @Post('approve')
  @HttpCode(200)
  async approve(
    @Param('id') id: string,
    @Param('gate') gate: string,
    @From() caller: Caller,
  ): Promise<GateAnswer> {
    return this.decide(id, gate, 'approved', caller);
  }

  @Post('reject')
  @HttpCode(200)
  async reject(
    @Param('id') id: string,
    @Param('gate') gate: string,
    @From() caller: Caller,
  ): Promise<GateAnswer> {
    return this.decide(id, gate, 'rejected', caller);
  }

  private async decide(
    id: string,
    gate: string,
    decision: GateDecision,
    caller: Caller,
  ): Promise<GateAnswer> {
    const view = await this.controls.decideGate(runIdOf(id), gate, decision);
    return this.policy.reply(
      caller,
      () => view,
      () => charterGateDecided(view),
    );
  }
}

type GateAnswer = GateDecidedView | CharterView<typeof charterGateDecidedSchema>;
