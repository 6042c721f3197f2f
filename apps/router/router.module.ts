import { Module, type DynamicModule } from '@nestjs/common';
import { Metrics } from '#observability';
import { Database } from '#persistence';
import { CallbacksController } from './callbacks/callbacks.controller.js';
import { Endpoints } from './engine/endpoints.js';
import { WarmKeeper } from './engine/warm-keeper.js';
import { HealthController } from './http/health.controller.js';
import {
  ConfigurationToken,
  ConnectionToken,
  GpuLimitToken,
  LoggerToken,
  RequestLimitsToken,
} from './http/tokens.js';
import { DailyBudget } from './ledger/daily-budget.js';
import { LedgerController } from './ledger/ledger.controller.js';
import { Cancellation } from './jobs/cancellation.js';
import { InferenceController } from './jobs/inference.controller.js';
import { JobIntake } from './jobs/intake.js';
import { JobStatus } from './jobs/job-status.js';
import { JobWait } from './jobs/job-wait.js';
import { KeyDesk } from './keys/key-desk.js';
import { KeysController } from './keys/keys.controller.js';
import { QueueController } from './queue/queue.controller.js';
import { QueueView } from './queue/queue-view.js';
import type { Router } from './router.js';
import { natsRunHints } from './runs/run-hints.js';
import { RunsModule } from './runs/runs.module.js';
import { WebhookDeliveries } from './webhooks/webhook-deliveries.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';

/** Wires a running router into its controllers. */
@Module({})
export class RouterModule {
  static of(router: Router): DynamicModule {
    return {
      module: RouterModule,
      imports: [
        RunsModule.register({
          database: router.database,
          configuration: router.configuration,
          hints: natsRunHints(router.connection),
          logger: router.logger,
          budget: router.dailyBudget,
        }),
      ],
      controllers: [
        InferenceController,
        QueueController,
        HealthController,
        CallbacksController,
        KeysController,
        LedgerController,
        WebhooksController,
      ],
      providers: [
        { provide: Database, useValue: router.database },
        { provide: DailyBudget, useValue: router.dailyBudget },
        { provide: Metrics, useValue: router.metrics },
        { provide: Endpoints, useValue: router.endpoints },
        { provide: WarmKeeper, useValue: router.warmKeeper },
        { provide: QueueView, useValue: router.queueView },
        {
          provide: WebhookDeliveries,
          useValue: new WebhookDeliveries(router.database, router.metrics, router.logger),
        },
        { provide: JobIntake, useValue: router.intake },
        { provide: JobStatus, useValue: router.jobStatus },
        { provide: JobWait, useValue: router.jobWait },
        { provide: KeyDesk, useValue: router.keyDesk },
        { provide: Cancellation, useValue: router.cancellation },
        { provide: ConfigurationToken, useValue: router.configuration },
        { provide: LoggerToken, useValue: router.logger },
        { provide: ConnectionToken, useValue: router.connection },
        { provide: RequestLimitsToken, useValue: router.limits },
        { provide: GpuLimitToken, useValue: router.configuration.limits.gpus },
      ],
    };
  }
}
