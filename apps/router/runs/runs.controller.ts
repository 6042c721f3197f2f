import {
  type CharterView,
  type RunCancelView,
  type RunCreatedView,
  type RunForecastView,
  type RunListView,
  type RunView,
  type charterForecastSchema,
  type charterRunCancelSchema,
  type charterRunCreatedSchema,
  type charterRunListSchema,
  type charterRunSchema,
} from '#contracts';
import { visibleTenant, type Caller } from '#domain';
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query } from '@nestjs/common';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterRunCancel } from '../charter/run-face.js';
import { RunControls } from './run-controls.js';
import { runIdOf } from './run-id.js';
import { RunIntake } from './run-intake.js';
import { RunPlanner } from './run-planner.js';
import { RunReader } from './run-reader.js';

@Controller('runs')
export class RunsController {
  constructor(
    private readonly intake: RunIntake,
    private readonly planner: RunPlanner,
    private readonly reader: RunReader,
    private readonly controls: RunControls,
    private readonly policy: CharterPolicy,
  ) {}

  @Post()
  @HttpCode(202)
  async create(
    @Body() body: unknown,
    @From() caller: Caller,
    @Headers('idempotency-key') key?: string,
  ): Promise<RunCreatedView | CharterView<typeof charterRunCreatedSchema>> {
    const created = await this.intake.create(body, key, caller, this.policy.budgetRules(caller));
    return this.policy.reply(
      caller,
      () => created,
      (face) => this.reader.charterCreated(created.run_id, created.warnings, face),
    );
  }

  @Post('plan')
  @HttpCode(200)
  plan(
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<RunForecastView | CharterView<typeof charterForecastSchema>> {
    return this.policy.reply(
      caller,
      () => this.planner.forecast(body, this.policy.budgetRules(caller)),
      (face) => this.planner.charterForecast(body, face, this.policy.budgetRules(caller)),
    );
  }

  @Get()
  list(
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<RunListView | CharterView<typeof charterRunListSchema>> {
    return this.policy.reply(
      caller,
      () => this.reader.list(query, visibleTenant(caller)),
      () => this.reader.charterList(query, caller.tenant),
    );
  }

  @Get(':id')
  async find(
    @Param('id') id: string,
    @From() caller: Caller,
  ): Promise<RunView | CharterView<typeof charterRunSchema>> {
    return this.policy.reply(
      caller,
      () => this.reader.view(runIdOf(id)),
      (face) => this.reader.charterView(runIdOf(id), face),
    );
  }

  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(
    @Param('id') id: string,
    @From() caller: Caller,
  ): Promise<RunCancelView | CharterView<typeof charterRunCancelSchema>> {
    const view = await this.controls.cancel(runIdOf(id));
    return this.policy.reply(
      caller,
      () => view,
      () => charterRunCancel(view),
    );
  }
}
