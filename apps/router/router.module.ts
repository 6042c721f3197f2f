import { Module, type DynamicModule } from '@nestjs/common';
import { Metrics } from '#observability';
import { Database } from '#persistence';
import { CharterPolicy } from './charter/charter-policy.js';
import { CallbacksController } from './callbacks/callbacks.controller.js';
import { DeadLetterReader } from './dead-letters/dead-letter-reader.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { Redrive } from './dead-letters/redrive.js';
import { Endpoints } from './engine/endpoints.js';
import { WarmKeeper } from './engine/warm-keeper.js';
import { HealthController } from './http/health.controller.js';
import { RowGauges } from './http/row-gauges.js';
import { ConfigurationToken, ConnectionToken, LoggerToken, RequestLimitsToken } from './http/tokens.js';
import { LedgerController } from './ledger/ledger.controller.js';
import { Cancellation } from './jobs/cancellation.js';
import { InferenceController } from './jobs/inference.controller.js';
import { JobIntake } from './jobs/intake.js';
import { JobStatus } from './jobs/job-status.js';
import { JobWait } from './jobs/job-wait.js';
import { KeyDesk } from './keys/key-desk.js';
import { KeysController } from './keys/keys.controller.js';
import { ControlDesk } from './operations/control-desk.js';
import { InForce } from './operations/in-force.js';
import { OperationsController } from './operations/operations.controller.js';
import { OrdersController } from './operations/orders.controller.js';
import { QueueController } from './queue/queue.controller.js';
import { QueueView } from './queue/queue-view.js';
import { Erasure } from './retention/erasure.js';
import { ErasureController } from './retention/erasure.controller.js';
import { BatchDesk } from './openai/batches/batch-desk.js';
import { BatchesController } from './openai/batches/batches.controller.js';
import { FileDesk } from './openai/files/file-desk.js';
import { FilesController } from './openai/files/files.controller.js';
import { CompletionsController } from './openai/completions.controller.js';
import { ModelsController } from './openai/models.controller.js';
import { OpenAiDesk } from './openai/openai-desk.js';
import type { Router } from './router.js';
import { TaskDesk } from './tasks/task-desk.js';
import { TasksController } from './tasks/tasks.controller.js';
import { natsRunHints } from './runs/run-hints.js';
import { RunsModule } from './runs/runs.module.js';
import { WebhookDeliveries } from './webhooks/webhook-deliveries.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';

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
          inForce: router.inForce,
          hints: natsRunHints(router.connection),
          logger: router.logger,
          budget: router.dailyBudget,
          limitLog: router.limitLog,
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
        InferenceController,
        TasksController,
        QueueController,
        HealthController,
        CallbacksController,
        KeysController,
        LedgerController,
        WebhooksController,
        OrdersController,
        OperationsController,
        DeadLettersController,
        ErasureController,
        FilesController,
        BatchesController,
        ModelsController,
        CompletionsController,
      ],
      providers: [
        { provide: Database, useValue: router.database },
        { provide: CharterPolicy, useValue: policy },
        { provide: TaskDesk, useValue: new TaskDesk(router) },
        { provide: FileDesk, useValue: new FileDesk(router) },
        { provide: BatchDesk, useValue: new BatchDesk({ ...router, retries: router.unkeyedRetries }) },
        {
          provide: OpenAiDesk,
          useValue: new OpenAiDesk({ ...router, retries: router.unkeyedRetries }, policy),
        },
        { provide: Metrics, useValue: router.metrics },
        { provide: Endpoints, useValue: router.endpoints },
        { provide: WarmKeeper, useValue: router.warmKeeper },
        { provide: QueueView, useValue: router.queueView },
        { provide: RowGauges, useValue: new RowGauges(router) },
        {
          provide: WebhookDeliveries,
          useValue: new WebhookDeliveries(router.database, router.metrics, router.logger),
        },
        { provide: JobIntake, useValue: router.intake },
        { provide: JobStatus, useValue: router.jobStatus },
        { provide: JobWait, useValue: router.jobWait },
        { provide: KeyDesk, useValue: router.keyDesk },
        { provide: InForce, useValue: router.inForce },
        { provide: ControlDesk, useValue: router.controlDesk },
        { provide: DeadLetterReader, useValue: router.deadLetters },
        { provide: Redrive, useValue: router.redrive },
        { provide: Erasure, useValue: router.erasure },
        { provide: Cancellation, useValue: router.cancellation },
        { provide: ConfigurationToken, useValue: router.configuration },
        { provide: LoggerToken, useValue: router.logger },
        { provide: ConnectionToken, useValue: router.connection },
        { provide: RequestLimitsToken, useValue: router.limits },
      ],
    };
  }
}
