import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import {
  CHANGEABLE_NAMES,
  faultOfSetting,
  isSettingName,
  type Configuration,
  type SettingName,
} from '#config';
import {
  ProblemError,
  controlRequestSchema,
  parseRequest,
  settingChangeSchema,
  singleRegionRequestSchema,
  undoRequestSchema,
  wordsOfIssue,
  type ChangedView,
  type ControlChangeView,
  type OperationsView,
  type SettingView,
} from '#contracts';
import type { Caller, ControlChange, ControlMode } from '#domain';
import { Database, listChanges, readEndpoints } from '#persistence';
import { From } from '../access/caller.js';
import { Endpoints } from '../engine/endpoints.js';
import { ConfigurationToken } from '../http/tokens.js';
import { ControlDesk, type ControlOrder } from './control-desk.js';
import { InForce } from './in-force.js';
import { changeView, controlView, operationsView, settingView } from './operations-view.js';
import { knownRegion } from './orders.controller.js';

const PAGE = 50;
const CHANGE_ID = /^[1-9]\d{0,14}$/;
const pageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(PAGE),
  before: z.coerce.number().int().min(1).optional(),
});

/** Modes, settings, and what was changed. */
@Controller('operations')
export class OperationsController {
  constructor(
    @Inject(ControlDesk) private readonly desk: ControlDesk,
    @Inject(InForce) private readonly inForce: InForce,
    @Inject(Endpoints) private readonly endpoints: Endpoints,
    @Inject(Database) private readonly database: Database,
    @Inject(ConfigurationToken) private readonly configured: Configuration,
  ) {}

  @Get()
  async show(): Promise<OperationsView> {
    await this.inForce.refresh(this.database);
    const stored = await readEndpoints(this.database, this.endpoints.ids);
    return operationsView(this.configured, this.inForce, this.endpoints.views(stored, Date.now()));
  }

  @Get('settings')
  async settings(): Promise<{ settings: SettingView[] }> {
    await this.inForce.refresh(this.database);
    return { settings: CHANGEABLE_NAMES.map((name) => this.setting(name)) };
  }

  @Put('settings/:name')
  async changeSetting(
    @Param('name') text: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<SettingView> {
    const name = knownSetting(text);
    const { value, reason, for_s: forS } = parseRequest(settingChangeSchema, body);
    const fault = faultOfSetting(this.configured, name, value, wordsOfIssue);
    if (fault !== undefined)
      throw new ProblemError('VALIDATION_FAILED', `value: ${fault}`, [{ field: 'value', message: fault }]);
    await this.desk.order(caller, {
      ...{ kind: 'setting', target: name, value: { kind: 'setting', value } },
      ...{ reason, forS, act: 'setting.changed' },
    });
    return this.setting(name);
  }

  @Delete('settings/:name')
  async returnSetting(@Param('name') text: string, @From() caller: Caller): Promise<SettingView> {
    const name = knownSetting(text);
    await this.desk.order(caller, {
      ...{ kind: 'setting', target: name, value: null, reason: undefined, forS: undefined },
      act: 'setting.returned',
    });
    return this.setting(name);
  }

  @Put('modes/direct')
  enterDirect(@Body() body: unknown, @From() caller: Caller): Promise<ChangedView> {
    const { reason, for_s: forS } = parseRequest(controlRequestSchema, body ?? {});
    return this.mode(caller, 'direct', { value: { kind: 'mode', region: null }, reason, forS });
  }

  @Delete('modes/direct')
  leaveDirect(@From() caller: Caller): Promise<ChangedView> {
    return this.mode(caller, 'direct', { value: null, reason: undefined, forS: undefined });
  }

  @Put('modes/single-region')
  enterSingleRegion(@Body() body: unknown, @From() caller: Caller): Promise<ChangedView> {
    const { region: name, reason, for_s: forS } = parseRequest(singleRegionRequestSchema, body);
    const region = knownRegion(this.endpoints, name);
    return this.mode(caller, 'single_region', { value: { kind: 'mode', region }, reason, forS });
  }

  @Delete('modes/single-region')
  leaveSingleRegion(@From() caller: Caller): Promise<ChangedView> {
    return this.mode(caller, 'single_region', { value: null, reason: undefined, forS: undefined });
  }

  @Get('changes')
  async changes(@Query() query: unknown): Promise<{ changes: ControlChangeView[]; next: number | null }> {
    const { limit, before } = parseRequest(pageSchema, query);
    const changes = await listChanges(this.database, limit + 1, before);
    const page = changes.slice(0, limit);
    return {
      changes: page.map(changeView),
      next: changes.length > limit ? (page.at(-1)?.changeId ?? null) : null,
    };
  }

  @Post('changes/:id/undo')
  @HttpCode(200)
  async undo(@Param('id') id: string, @Body() body: unknown, @From() caller: Caller): Promise<ChangedView> {
    const { reason } = parseRequest(undoRequestSchema, body ?? {});
    if (id !== 'latest' && !CHANGE_ID.test(id))
      throw new ProblemError('CHANGE_NOT_FOUND', `id: there is no change "${id.slice(0, 64)}"`);
    const change = await this.desk.undo(caller, id === 'latest' ? id : Number(id), reason);
    return this.changed(change.kind, change.target, change);
  }

  private async mode(
    caller: Caller,
    mode: ControlMode,
    order: Pick<ControlOrder, 'value' | 'reason' | 'forS'>,
  ): Promise<ChangedView> {
    const act = order.value === null ? 'mode.left' : 'mode.entered';
    const change = await this.desk.order(caller, { ...order, kind: 'mode', target: mode, act });
    return this.changed('mode', mode, change);
  }

  private changed(kind: ChangedView['kind'], target: string, change: ControlChange | undefined): ChangedView {
    const after = change?.after ?? null;
    const region = after?.value.kind === 'mode' ? after.value.region : null;
    return {
      kind,
      target,
      change_id: change?.changeId ?? null,
      in_force:
        change === undefined || after === null ? null : controlView({ ...after, changeId: change.changeId }),
      models_that_wait:
        region === null
          ? []
          : [...this.endpoints.models].filter(
              (model) => !this.endpoints.regionsServing(model).includes(region),
            ),
    };
  }

  private setting(name: SettingName): SettingView {
    return settingView(name, this.configured, this.inForce.configuration, this.inForce.controls);
  }
}

/** @throws ProblemError UNKNOWN_SETTING */
function knownSetting(name: string): SettingName {
  if (isSettingName(name)) return name;
  throw new ProblemError(
    'UNKNOWN_SETTING',
    `name: "${name.slice(0, 64)}" is not one of ${CHANGEABLE_NAMES.join(', ')}`,
  );
}
