import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import {
  ProblemError,
  controlRequestSchema,
  drainRequestSchema,
  parseRequest,
  undoRequestSchema,
  warmRequestSchema,
  type OrderedView,
} from '#contracts';
import {
  endpointTarget,
  regionTarget,
  type Caller,
  type ControlValue,
  type EndpointSpec,
  type EndpointView,
} from '#domain';
import { Database, readEndpoints } from '#persistence';
import { From } from '../access/caller.js';
import { Endpoints } from '../engine/endpoints.js';
import { ControlDesk } from './control-desk.js';
import { InForce } from './in-force.js';
import { controlView, endpointsOf, orderedEndpoint, type OrderTarget } from './operations-view.js';

interface Order {
  readonly kind: 'pause' | 'warm';
  readonly value: ControlValue | null;
  readonly reason?: string | undefined;
  readonly for_s?: number | undefined;
  /** `paused` and so on: the act's name behind `endpoint.` or `region.`. */
  readonly act: string;
  readonly leftOut?: readonly string[];
}

/** Pause, drain, resume and warm, of one endpoint or of a region. */
@Controller()
export class OrdersController {
  constructor(
    @Inject(ControlDesk) private readonly desk: ControlDesk,
    @Inject(InForce) private readonly inForce: InForce,
    @Inject(Endpoints) private readonly endpoints: Endpoints,
    @Inject(Database) private readonly database: Database,
  ) {}

  @Post('endpoints/:id/pause')
  @HttpCode(200)
  pauseEndpoint(
    @Param('id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.pause(this.endpoint(id), body, caller);
  }

  @Post('regions/:region/pause')
  @HttpCode(200)
  pauseRegion(
    @Param('region') name: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.pause(this.region(name), body, caller);
  }

  @Post('endpoints/:id/drain')
  @HttpCode(200)
  drainEndpoint(
    @Param('id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.drain(this.endpoint(id), body, caller);
  }

  @Post('regions/:region/drain')
  @HttpCode(200)
  drainRegion(
    @Param('region') name: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.drain(this.region(name), body, caller);
  }

  @Post('endpoints/:id/resume')
  @HttpCode(200)
  resumeEndpoint(
    @Param('id') id: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.resume(this.endpoint(id), body, caller);
  }

  @Post('regions/:region/resume')
  @HttpCode(200)
  resumeRegion(
    @Param('region') name: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.resume(this.region(name), body, caller);
  }

  @Post('endpoints/:id/warm')
  @HttpCode(200)
  warmEndpoint(@Param('id') id: string, @Body() body: unknown, @From() caller: Caller): Promise<OrderedView> {
    return this.warm(this.endpoint(id), body, caller);
  }

  @Post('regions/:region/warm')
  @HttpCode(200)
  warmRegion(
    @Param('region') name: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<OrderedView> {
    return this.warm(this.region(name), body, caller);
  }

  private pause(target: OrderTarget, body: unknown, caller: Caller): Promise<OrderedView> {
    const request = parseRequest(controlRequestSchema, body ?? {});
    const value = { kind: 'pause', drain: false, release: false } as const;
    return this.order(target, { ...request, kind: 'pause', value, act: 'paused' }, caller);
  }

  private drain(target: OrderTarget, body: unknown, caller: Caller): Promise<OrderedView> {
    const { release, ...request } = parseRequest(drainRequestSchema, body ?? {});
    const value = { kind: 'pause', drain: true, release } as const;
    const leftOut = release ? this.leftOut(target, 'give its idle container up') : [];
    return this.order(target, { ...request, kind: 'pause', value, act: 'drained', leftOut }, caller);
  }

  private resume(target: OrderTarget, body: unknown, caller: Caller): Promise<OrderedView> {
    const request = parseRequest(undoRequestSchema, body ?? {});
    return this.order(target, { ...request, kind: 'pause', value: null, act: 'resumed' }, caller);
  }

  private warm(target: OrderTarget, body: unknown, caller: Caller): Promise<OrderedView> {
    const request = parseRequest(warmRequestSchema, body ?? {});
    const leftOut = this.leftOut(target, 'keep a container');
    const paused = this.specsOf(target).filter((spec) => this.inForce.ordersFor(spec).pauses.length > 0);
    if (paused.length === this.specsOf(target).length)
      throw new ProblemError(
        'NOT_CONTROLLABLE',
        `${target.id}: is paused, and takes no call that would wake it; resume it first`,
      );
    return this.order(
      target,
      { ...request, kind: 'warm', value: { kind: 'warm' }, act: 'warmed', leftOut },
      caller,
    );
  }

  private async order(target: OrderTarget, order: Order, caller: Caller): Promise<OrderedView> {
    const { kind, value, reason, for_s: forS, act, leftOut = [] } = order;
    const name = target.kind === 'endpoint' ? endpointTarget(target.id) : regionTarget(target.id);
    const change = await this.desk.order(caller, {
      ...{ kind, target: name, value, reason, forS, act: `${target.kind}.${act}` },
    });
    // The order is committed: whatever fails from here on must not read as a refusal.
    const taken =
      kind === 'pause' && value !== null
        ? await this.desk.takeBack(this.specsOf(target).map(({ id }) => id)).catch(() => 0)
        : 0;
    const views = endpointsOf(target, await this.views());
    return {
      target,
      change_id: change?.changeId ?? null,
      in_force:
        change === undefined || change.after === null
          ? null
          : controlView({ ...change.after, changeId: change.changeId }),
      endpoints: views.map((view) => orderedEndpoint(view, Date.now())),
      drained: views.every(({ leases }) => leases === 0),
      tickets_taken_back: taken,
      left_out: [...leftOut],
    };
  }

  private async views(): Promise<EndpointView[]> {
    const stored = await readEndpoints(this.database, this.endpoints.ids);
    return this.endpoints.views(stored, Date.now());
  }

  /** @throws ProblemError NOT_CONTROLLABLE where not one of them can be told */
  private leftOut(target: OrderTarget, what: string): string[] {
    const specs = this.specsOf(target);
    const untold = specs.filter(({ canRelease }) => !canRelease).map(({ id }) => id);
    if (untold.length < specs.length) return untold;
    throw new ProblemError(
      'NOT_CONTROLLABLE',
      `${target.id}: its platform cannot be told to ${what}: ${untold.join(', ')} has no autoscaler_url in the configuration`,
    );
  }

  private specsOf({ kind, id }: OrderTarget): EndpointSpec[] {
    return this.endpoints.specs.filter((spec) => (kind === 'endpoint' ? spec.id : spec.region) === id);
  }

  private endpoint(id: string): OrderTarget {
    if (this.endpoints.spec(id) === undefined)
      throw new ProblemError(
        'UNKNOWN_ENDPOINT',
        `id: there is no endpoint "${id.slice(0, 64)}"; there are ${this.endpoints.ids.join(', ')}`,
      );
    return { kind: 'endpoint', id };
  }

  private region(name: string): OrderTarget {
    return { kind: 'region', id: knownRegion(this.endpoints, name) };
  }
}

/** @throws ProblemError UNKNOWN_REGION */
export function knownRegion(endpoints: Pick<Endpoints, 'regions' | 'resolveRegion'>, name: string): string {
  const region = endpoints.resolveRegion(name);
  if (region !== undefined) return region;
  const message = `must be one of ${endpoints.regions.join(', ')} or an alias`;
  throw new ProblemError('UNKNOWN_REGION', `region: ${message}`, [{ field: 'region', message }]);
}
