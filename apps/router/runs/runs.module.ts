import type { Configuration } from '#config';
import type { Logger } from '#observability';
import { Database, type CharterDatabase } from '#persistence';
import { Module, type DynamicModule } from '@nestjs/common';
import { CharterPolicy } from '../charter/charter-policy.js';
import { DailyBudget } from '../ledger/daily-budget.js';
import type { LimitLog } from '../limits/limit-log.js';
import type { InForce } from '../operations/in-force.js';
import { ComparisonController } from './comparison.controller.js';
import { ReceiptDesk } from './receipt-desk.js';
import { ReceiptSigner } from './receipt-signer.js';
import { ReceiptsController } from './receipts.controller.js';
import { RunControlsController } from './run-controls.controller.js';
import { RunControls } from './run-controls.js';
import { RunEta } from './run-eta.js';
import { RunEventFeed, type FeedOptions } from './run-event-feed.js';
import { RunGatesController } from './run-gates.controller.js';
import type { RunHints } from './run-hints.js';
import { QUESTION_BANK, RunListsController } from './run-lists.controller.js';
import { RunIntake } from './run-intake.js';
import { RunPlanner } from './run-planner.js';
import { RunReopening } from './run-reopening.js';
import { RunReader } from './run-reader.js';
import { CURRENT_CONFIGURATION, RunOverviewsController } from './run-overviews.controller.js';
import { RunStreamsController } from './run-streams.controller.js';
import { RunsController } from './runs.controller.js';

export interface RunsParts {
  readonly database: Database;
  readonly configuration: Configuration;
  /** Left out: nobody changes anything while it runs. */
  readonly inForce?: Pick<InForce, 'configuration' | 'ordersFor'>;
  readonly hints: RunHints;
  readonly logger: Logger;
  /** Left out: one of its own, which keeps what keys have spent for a second. */
  readonly budget?: DailyBudget;
  /** Left out: what is refused because of a limit is not counted. */
  readonly limitLog?: LimitLog;
  readonly feed?: FeedOptions;
  /** What customers' answers are read with; left out: there are none. */
  readonly charter?: CharterDatabase;
}

/** About 300 MB of receipts. */
const RECEIPT_CELLS_IN_HAND = 200_000;

/** `/runs` and everything below it. */
@Module({})
export class RunsModule {
  static register({
    database,
    configuration,
    inForce,
    hints,
    logger,
    budget = new DailyBudget(database),
    limitLog,
    feed,
    charter,
  }: RunsParts): DynamicModule {
    const planner = new RunPlanner(database, configuration, inForce);
    const current = (): Configuration => inForce?.configuration ?? configuration;
    const eta = new RunEta(database, current, planner);
    const reader = new RunReader(database, current, eta, charter);
    return {
      module: RunsModule,
      controllers: [
        ...[RunsController, RunControlsController, RunGatesController, RunStreamsController],
        ...[ReceiptsController, ComparisonController, RunOverviewsController, RunListsController],
      ],
      providers: [
        { provide: Database, useValue: database },
        { provide: CharterPolicy, useValue: new CharterPolicy(configuration.charter.show_costs) },
        { provide: CURRENT_CONFIGURATION, useValue: current },
        { provide: RunPlanner, useValue: planner },
        {
          provide: RunIntake,
          useFactory: () =>
            new RunIntake(
              ...([database, configuration, planner, hints, logger, budget] as const),
              () => current().limits.unfinished_runs_per_key,
              limitLog,
            ),
        },
        { provide: RunReader, useValue: reader },
        { provide: QUESTION_BANK, useValue: configuration.questions },
        { provide: RunControls, useFactory: () => new RunControls(database, hints, logger) },
        {
          provide: RunReopening,
          useFactory: () => new RunReopening(database, configuration, planner, hints, logger, budget),
        },
        { provide: ReceiptSigner, useFactory: () => new ReceiptSigner(database, logger) },
        { provide: ReceiptDesk, useFactory: () => new ReceiptDesk(RECEIPT_CELLS_IN_HAND) },
        {
          provide: RunEventFeed,
          useFactory: () => new RunEventFeed(database, hints, (id) => reader.view(id), feed),
        },
      ],
    };
  }
}
