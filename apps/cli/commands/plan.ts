import { RUN_ORDERS, type RunOrder } from '#domain';
import type { BodyOf } from '#router-client';
import { Option, type Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_USAGE } from '../exit-codes.js';
import { forecastFace, type ForecastFace } from '../faces.js';
import { planLines } from '../plan/plan-view.js';
import { timelineLines } from '../plan/timeline-view.js';
import { readDocument } from '../read-document.js';
import { askRouter, withRouterOptions, type RouterOptions } from '../router-api.js';
import { print } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';

const DESCRIPTION =
  'say what a run would take before it costs anything: time, cost, cold starts and GPUs in each order, and a timeline; ' +
  'FILE is the body of POST /runs in JSON or YAML, and nothing runs';

interface PlanOptions extends RouterOptions {
  readonly order?: RunOrder;
  readonly timeline: boolean;
}

export function registerPlan(program: Command): void {
  const command = program
    .command('plan')
    .description(DESCRIPTION)
    .argument('<file>', 'the run ("-": stdin); deadline_s and budget_usd may be added')
    .addOption(
      new Option('--order <order>', 'whose timeline is drawn (default: the one the run would take)').choices(
        RUN_ORDERS,
      ),
    )
    .option('--no-timeline', 'the table only');
  withRouterOptions(command).action(async (file: string, options: PlanOptions) => {
    // The router judges it: a type here would only promise what a file may not hold.
    const body = (await readDocument(file)) as BodyOf<'/runs/plan', 'post'>;
    const plan = await askRouter(options, (router) => router.POST('/runs/plan', { body }), forecastFace, {
      refused: 'the run is refused',
    });
    print(options, plan, (answer) => [
      ...planLines(answer, terminalOf().room),
      ...timelineOf(answer, options),
    ]);
  });
}

function timelineOf(plan: ForecastFace, { order, timeline }: PlanOptions): string[] {
  if (!timeline) return [];
  const wanted = order ?? plan.order;
  const planned = plan.orders.find((each) => each.order === wanted);
  if (planned === undefined && order !== undefined)
    throw new CommandError(`the plan has no order ${order} for this run`, EXIT_USAGE);
  const lines = planned === undefined ? [] : timelineLines(planned, plan.gpu_limit, terminalOf().width - 1);
  return lines.length === 0 ? [] : ['', ...lines];
}
