import {
  type RunCancelView,
  type RunCreatedView,
  type RunForecastView,
  type RunListView,
  type RunView,
} from '#contracts';
import { seesAllTenants, type Caller } from '#domain';
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query } from '@nestjs/common';
import { From } from '../access/caller.js';
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
  ) {}

  @Post()
  @HttpCode(202)
  create(
    @Body() body: unknown,
    @From() caller: Caller,
    @Headers('idempotency-key') key?: string,
  ): Promise<RunCreatedView> {
    return this.intake.create(body, key, caller);
  }

  @Post('plan')
  @HttpCode(200)
  plan(@Body() body: unknown): Promise<RunForecastView> {
    return this.planner.forecast(body);
  }

  @Get()
  list(@Query() query: unknown, @From() caller: Caller): Promise<RunListView> {
    return this.reader.list(query, seesAllTenants(caller) ? undefined : caller.tenant);
  }

  @Get(':id')
  async find(@Param('id') id: string): Promise<RunView> {
    return this.reader.view(runIdOf(id));
  }

  @Post(':id/cancel')
  @HttpCode(202)
  async cancel(@Param('id') id: string): Promise<RunCancelView> {
    return this.controls.cancel(runIdOf(id));
  }
}
