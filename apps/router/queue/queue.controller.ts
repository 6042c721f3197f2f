import { Controller, Get, Inject, Param } from '@nestjs/common';
import {
  ProblemError,
  type CharterView,
  type ProviderView,
  type QueueStatusView,
  type RegionQueueView,
  type charterQueueStatusSchema,
  type charterRegionQueueSchema,
} from '#contracts';
import type { Caller } from '#domain';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterQueueStatus, charterRegionQueue } from '../charter/queue-face.js';
import { Endpoints } from '../engine/endpoints.js';
import { WarmKeeper } from '../engine/warm-keeper.js';
import { InForce } from '../operations/in-force.js';
import { providerReport } from './provider-report.js';
import { queueReport } from './queue-report.js';
import { QueueView } from './queue-view.js';

@Controller()
export class QueueController {
  constructor(
    @Inject(QueueView) private readonly queueView: QueueView,
    @Inject(Endpoints) private readonly endpoints: Endpoints,
    @Inject(WarmKeeper) private readonly warmKeeper: WarmKeeper,
    @Inject(InForce) private readonly inForce: InForce,
    @Inject(CharterPolicy) private readonly policy: CharterPolicy,
  ) {}

  @Get('queue/status')
  async status(
    @From() caller: Caller,
  ): Promise<QueueStatusView | CharterView<typeof charterQueueStatusSchema>> {
    const report = await this.report();
    return this.policy.reply(
      caller,
      () => report,
      () => charterQueueStatus(report),
    );
  }

  private async report(): Promise<QueueStatusView> {
    const snapshot = await this.queueView.read();
    const nowMs = Date.now();
    return queueReport(
      snapshot,
      this.endpoints.regions,
      this.inForce,
      (region) => this.endpoints.dispatcherAlive(region, nowMs),
      nowMs,
    );
  }

  @Get('queue/status/:region')
  async regionStatus(
    @Param('region') name: string,
    @From() caller: Caller,
  ): Promise<(RegionQueueView & { region: string }) | CharterView<typeof charterRegionQueueSchema>> {
    const region = this.endpoints.resolveRegion(name);
    if (region === undefined) {
      throw new ProblemError(
        'UNKNOWN_REGION',
        `region: must be one of ${this.endpoints.regions.join(', ')} or an alias`,
        [{ field: 'region', message: `must be one of ${this.endpoints.regions.join(', ')} or an alias` }],
      );
    }
    const report = (await this.report()).regions[region];
    if (report === undefined) throw new ProblemError('UNKNOWN_REGION', `region: ${region} has no queue`);
    return this.policy.reply(
      caller,
      () => ({ region, ...report }),
      () => charterRegionQueue(region, report),
    );
  }

  @Get('providers')
  async providers(): Promise<{ providers: ProviderView[] }> {
    const snapshot = await this.queueView.read();
    const nowMs = Date.now();
    const warmths = new Map(
      (await this.warmKeeper.assess(snapshot)).map((warmth) => [warmth.endpointId, warmth]),
    );
    return {
      providers: snapshot.endpoints.flatMap((view) => {
        const warmth = warmths.get(view.spec.id);
        return warmth === undefined ? [] : [providerReport(view, warmth, snapshot, nowMs)];
      }),
    };
  }
}
