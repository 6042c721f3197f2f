import type { Configuration } from '#config';
import {
  CELLS_PAGE,
  CELL_LETTERS,
  charterRunCellsSchema,
  charterRunTimelineSchema,
  charterView,
  parseRequest,
  runCellsQuerySchema,
  type CharterView,
  type RunCellsView,
  type RunTimelineView,
  type TimelineLaneView,
} from '#contracts';
import type { Caller, RunStatus } from '#domain';
import {
  Database,
  readCellStates,
  readPlannedTimeline,
  readTimeline,
  type Queryable,
  type RunEntity,
  type StoredPlannedLane,
  type StoredRunSpec,
} from '#persistence';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { runIdOf } from './run-id.js';
import { RunReader } from './run-reader.js';

export const CURRENT_CONFIGURATION = Symbol('the configuration in force');

/** A picture is not drawn with more points across. */
const RESOLUTION = 1000;
const INTERVALS_MAX = 4000;

/** What pictures of a run are drawn from: how every cell stands, and what its containers did. */
@Controller('runs/:id')
export class RunOverviewsController {
  constructor(
    private readonly database: Database,
    private readonly reader: RunReader,
    private readonly policy: CharterPolicy,
    @Inject(CURRENT_CONFIGURATION) private readonly configuration: () => Configuration,
  ) {}

  @Get('cells')
  cells(
    @Param('id') id: string,
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<RunCellsView | CharterView<typeof charterRunCellsSchema>> {
    const { cursor } = parseRequest(runCellsQuerySchema, query);
    const runId = runIdOf(id);
    return this.policy.reply(
      caller,
      async () => cellsOf(this.database, await this.reader.find(runId), cursor),
      async () =>
        charterView(
          charterRunCellsSchema,
          await cellsOf(this.reader.charter, await this.reader.findCharter(runId), cursor),
        ),
    );
  }

  @Get('timeline')
  timeline(
    @Param('id') id: string,
    @From() caller: Caller,
  ): Promise<RunTimelineView | CharterView<typeof charterRunTimelineSchema>> {
    const runId = runIdOf(id);
    return this.policy.reply(
      caller,
      () => this.timelineOf(runId),
      // Reckoned from the ledger, which customers may not read; only the times leave, by what they were for.
      async () => {
        const { lanes, ...timeline } = await this.timelineOf(runId);
        return charterView(charterRunTimelineSchema, {
          ...timeline,
          lanes: lanes.map(({ endpoint_id: _id, ...lane }) => lane),
        });
      },
    );
  }

  private async timelineOf(runId: string): Promise<RunTimelineView> {
    const run = await this.reader.find(runId);
    const now = new Date();
    const zero = run.startedAt ?? run.createdAt;
    const asOf = run.finishedAt ?? now;
    const closeMs = Math.max(1, Math.round((asOf.getTime() - zero.getTime()) / RESOLUTION));
    const [stored, planned] = await Promise.all([
      readTimeline(this.database, runId, closeMs, INTERVALS_MAX + 1),
      readPlannedTimeline(this.database, runId),
    ]);
    const configuration = this.configuration();
    const lanes = new Map<string, Lane>();
    const laneOf = (endpointId: string): Lane => {
      const lane = lanes.get(endpointId) ?? newLane(endpointId, run, configuration);
      lanes.set(endpointId, lane);
      return lane;
    };
    for (const { endpoint_id: endpointId, intervals } of planned)
      laneOf(endpointId).planned.push(...intervals.map((interval) => ({ ...interval })));
    const secondsOf = (ms: number): number => Math.round(ms - zero.getTime()) / 1000;
    for (const { endpointId, state, fromMs, toMs, calls, ...of } of stored.slice(0, INTERVALS_MAX)) {
      const lane = laneOf(endpointId);
      for (const region of of.regions) lane.regionNames.add(region);
      for (const model of of.models) lane.modelNames.add(model);
      lane.calls += calls;
      lane.failed_calls += of.failedCalls;
      lane.intervals.push({ state, from_s: secondsOf(fromMs), to_s: secondsOf(toMs), calls });
    }
    return {
      run_id: run.id,
      status: run.status,
      zero_at: zero.toISOString(),
      as_of: asOf.toISOString(),
      gpu_limit: configuration.limits.gpus,
      planned_makespan_s: plannedMakespanS(planned),
      lanes: [...lanes.values()].map(({ regionNames, modelNames, ...lane }) => ({
        ...lane,
        regions: [...regionNames].sort(),
        models: [...modelNames].sort(),
      })),
      truncated:
        stored.length > INTERVALS_MAX || planned.some(({ goes_on_until_s: untilS }) => untilS !== undefined),
    };
  }
}

/** What came after the run was submitted, such as more repeats, is not in it. */
function plannedMakespanS(planned: readonly StoredPlannedLane[]): number | null {
  const ends = planned.flatMap(({ intervals, goes_on_until_s: untilS }) => [
    ...(untilS === undefined ? [] : [untilS]),
    ...intervals.flatMap(({ state, to_s: toS }) => (state === 'idle' ? [] : [toS])),
  ]);
  return ends.length === 0 ? null : Math.max(...ends);
}

interface Lane extends Omit<TimelineLaneView, 'regions' | 'models'> {
  readonly regionNames: Set<string>;
  readonly modelNames: Set<string>;
}

/** Of an endpoint that is configured, what of the run it may serve; of another one, what its calls say. */
function newLane(endpointId: string, { spec }: Pick<RunEntity, 'spec'>, { endpoints }: Configuration): Lane {
  const endpoint = endpoints.find(({ id }) => id === endpointId);
  return {
    endpoint_id: endpointId,
    regionNames: new Set(endpoint === undefined ? [] : [endpoint.region]),
    modelNames: new Set(endpoint?.models.filter((model) => spec.models.includes(model)) ?? []),
    calls: 0,
    failed_calls: 0,
    intervals: [],
    planned: [],
  };
}

interface ReadRun {
  readonly id: string;
  readonly status: RunStatus;
  readonly spec: Pick<StoredRunSpec, 'repeats' | 'pairs'>;
}

async function cellsOf(database: Queryable, run: ReadRun, cursor: number): Promise<RunCellsView> {
  const { repeats, pairs } = run.spec;
  const width = repeats * pairs.length;
  const questionsMax = Math.max(1, Math.floor(CELLS_PAGE / Math.max(1, width)));
  const { lastSeq, questions } = await readCellStates(database, run.id, cursor, questionsMax + 1);
  const page = questions.slice(0, questionsMax);
  return {
    run_id: run.id,
    status: run.status,
    pairs: pairs.map(({ model, region }) => ({ model, region })),
    repeats,
    // Cells that have no rows yet are pending.
    questions: page.map(({ questionId, letters, codes }) => ({
      question_id: questionId,
      cells: letters.padEnd(width, CELL_LETTERS.pending),
      failures: failuresOf(letters, codes),
    })),
    last_event_id: lastSeq,
    next_cursor: questions.length > questionsMax ? (page.at(-1)?.questionNo ?? null) : null,
  };
}

/** By error code, the places of its cells. @param codes of the failed ones, in the order of their letters */
function failuresOf(letters: string, codes: readonly (string | null)[]): Record<string, number[]> {
  const failures: Record<string, number[]> = {};
  let at = -1;
  for (const code of codes) {
    at = letters.indexOf(CELL_LETTERS.failed, at + 1);
    if (code !== null) (failures[code] ??= []).push(at);
  }
  return failures;
}
