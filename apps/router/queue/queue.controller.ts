import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ProblemError, type ProviderView, type QueueStatusView, type RegionQueueView } from '#contracts';
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
  ) {}

  @Get('queue/status')
  async status(): Promise<QueueStatusView> {
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
  async regionStatus(@Param('region') name: string): Promise<RegionQueueView & { region: string }> {
    const region = this.endpoints.resolveRegion(name);
    if (region === undefined) {
      throw new ProblemError(
        'UNKNOWN_REGION',
        `region: must be one of ${this.endpoints.regions.join(', ')} or an alias`,
        [{ field: 'region', message: `must be one of ${this.endpoints.regions.join(', ')} or an alias` }],
      );
    }
    const report = (await this.status()).regions[region];
    if (report === undefined) throw new ProblemError('UNKNOWN_REGION', `region: ${region} has no queue`);
    return { region, ...report };
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
