import { Module, type DynamicModule } from '@nestjs/common';
import { Metrics } from '#observability';
import { Database } from '#persistence';
import { CharterPolicy } from './charter/charter-policy.js';
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
  WebhookSecretToken,
} from './http/tokens.js';
import { Cancellation } from './jobs/cancellation.js';
import { InferenceController } from './jobs/inference.controller.js';
import { JobIntake } from './jobs/intake.js';
import { JobStatus } from './jobs/job-status.js';
import { JobWait } from './jobs/job-wait.js';
import { QueueController } from './queue/queue.controller.js';
import { QueueView } from './queue/queue-view.js';
import type { Router } from './router.js';
import { TaskDesk } from './tasks/task-desk.js';
import { TasksController } from './tasks/tasks.controller.js';
import { natsRunHints } from './runs/run-hints.js';
import { RunsModule } from './runs/runs.module.js';

/** Wires a running router into its controllers. */
@Module({})
export class RouterModule {
  static of(router: Router, policy: CharterPolicy): DynamicModule {
    return {
      module: RouterModule,
      imports: [
        RunsModule.register({
          database: router.database,
          configuration: router.configuration,
          hints: natsRunHints(router.connection),
          logger: router.logger,
          charter: router.charter,
          feed: {
            onHeldBack: (type, fault) => {
              router.metrics.count('beacon_charter_faults_total', { route: 'GET /runs/{id}/events' });
              router.logger.error(
                { event: 'charter.refused', route: 'GET /runs/{id}/events', type, reason: fault.message },
                'an event that the charter does not allow was held back',
              );
            },
          },
        }),
      ],
      controllers: [
        ...[InferenceController, TasksController],
        ...[QueueController, HealthController, CallbacksController],
      ],
      providers: [
        { provide: Database, useValue: router.database },
        { provide: CharterPolicy, useValue: policy },
        { provide: TaskDesk, useValue: new TaskDesk(router) },
        { provide: Metrics, useValue: router.metrics },
        { provide: Endpoints, useValue: router.endpoints },
        { provide: WarmKeeper, useValue: router.warmKeeper },
        { provide: QueueView, useValue: router.queueView },
        { provide: JobIntake, useValue: router.intake },
        { provide: JobStatus, useValue: router.jobStatus },
        { provide: JobWait, useValue: router.jobWait },
        { provide: Cancellation, useValue: router.cancellation },
        { provide: ConfigurationToken, useValue: router.configuration },
        { provide: LoggerToken, useValue: router.logger },
        { provide: ConnectionToken, useValue: router.connection },
        { provide: RequestLimitsToken, useValue: router.limits },
        { provide: WebhookSecretToken, useValue: { value: router.webhookSecret } },
        { provide: GpuLimitToken, useValue: router.configuration.limits.gpus },
      ],
    };
  }
}
