import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { metricsReplySchema, subjects, type HealthView } from '#contracts';
import { gatherJson, type NatsConnection } from '#messaging';
import { Metrics } from '#observability';
import { Database } from '#persistence';
import { Endpoints } from '../engine/endpoints.js';
import { healthReport } from '../queue/queue-report.js';
import { QueueView } from '../queue/queue-view.js';
import { ConnectionToken } from './tokens.js';
import { RowGauges } from './row-gauges.js';

/** A process that does not answer in time is missing from this scrape, and says so by its absence. */
const GATHER_TIMEOUT_MS = 300;

@Controller()
export class HealthController {
  constructor(
    @Inject(QueueView) private readonly queueView: QueueView,
    @Inject(Endpoints) private readonly endpoints: Endpoints,
    @Inject(Database) private readonly database: Database,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(RowGauges) private readonly gauges: RowGauges,
    @Inject(ConnectionToken) private readonly connection: NatsConnection,
  ) {}

  /** 200 also while degraded: the body says so. Unhealthy is 503. */
  @Get('health')
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthView> {
    const { regions } = this.endpoints;
    try {
      const { endpoints } = await this.queueView.read();
      const report = healthReport(endpoints, regions);
      const connected = await this.natsAnswers();
      if (report.status === 'unhealthy' || !connected) {
        void reply.status(503);
        return { ...report, status: 'unhealthy' };
      }
      return report;
    } catch {
      void reply.status(503);
      return {
        status: 'unhealthy',
        providers_total: this.endpoints.specs.length,
        providers_healthy: 0,
        regions: [...regions],
      };
    }
  }

  @Get('health/live')
  live(): { status: 'alive' } {
    return { status: 'alive' };
  }

  @Get('health/ready')
  async ready(
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ status: 'ready' | 'not_ready'; database: boolean; nats: boolean }> {
    const [database, nats] = await Promise.all([
      this.database.ping().then(
        () => true,
        () => false,
      ),
      this.natsAnswers(),
    ]);
    const ready = database && nats;
    if (!ready) void reply.status(503);
    return { status: ready ? 'ready' : 'not_ready', database, nats };
  }

  @Get('metrics')
  async expose(@Res() reply: FastifyReply): Promise<void> {
    const [connected, others] = await Promise.all([
      this.natsAnswers(),
      // One scrape covers every process: dispatchers and the runner serve no HTTP.
      gatherJson(
        this.connection,
        subjects.METRICS,
        metricsReplySchema,
        this.endpoints.regions.length + 1,
        GATHER_TIMEOUT_MS,
      ),
      this.gauges.refresh(),
    ]);
    this.metrics.set('beacon_dependency_up', { dependency: 'nats' }, connected ? 1 : 0);
    const { contentType, body } = await this.metrics.expose(others);
    await reply.header('content-type', contentType).send(body);
  }

  private async natsAnswers(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), 1000);
    });
    const answer = this.connection.flush().then(
      () => true,
      () => false,
    );
    return Promise.race([answer, silence]).finally(() => clearTimeout(timer));
  }
}
