import {
  type CharterView,
  type RunExtendView,
  type RunRetryView,
  type RunStateView,
  type charterRunExtendSchema,
  type charterRunRetrySchema,
  type charterRunStateSchema,
} from '#contracts';
import type { Caller } from '#domain';
import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterRunExtend, charterRunRetry, charterRunState } from '../charter/run-face.js';
import { RunControls } from './run-controls.js';
import { runIdOf } from './run-id.js';
import { RunReopening } from './run-reopening.js';

@Controller('runs/:id')
export class RunControlsController {
  constructor(
    private readonly controls: RunControls,
    private readonly reopening: RunReopening,
    private readonly policy: CharterPolicy,
  ) {}

  @Post('pause')
  @HttpCode(200)
  async pause(@Param('id') id: string, @From() caller: Caller): Promise<RunStateAnswer> {
    return this.state(caller, await this.controls.pause(runIdOf(id)));
  }

  @Post('resume')
  @HttpCode(200)
  async resume(@Param('id') id: string, @From() caller: Caller): Promise<RunStateAnswer> {
    return this.state(caller, await this.controls.resume(runIdOf(id)));
  }

  @Post('retry-failed')
  @HttpCode(202)
  async retryFailed(
    @Param('id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<RunRetryView | CharterView<typeof charterRunRetrySchema>> {
    const view = await this.reopening.retryFailed(runIdOf(id), body, caller, this.policy.budgetRules(caller));
    return this.policy.reply(
      caller,
      () => view,
      () => charterRunRetry(view),
    );
  }

  @Post('extend')
  @HttpCode(202)
  async extend(
    @Param('id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<RunExtendView | CharterView<typeof charterRunExtendSchema>> {
    const view = await this.reopening.extend(runIdOf(id), body, caller, this.policy.budgetRules(caller));
    return this.policy.reply(
      caller,
      () => view,
      () => charterRunExtend(view),
    );
  }

  private state(caller: Caller, view: RunStateView): Promise<RunStateAnswer> {
    return this.policy.reply(
      caller,
      () => view,
      () => charterRunState(view),
    );
  }
}

type RunStateAnswer = RunStateView | CharterView<typeof charterRunStateSchema>;
