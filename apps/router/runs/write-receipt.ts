import { setImmediate } from 'node:timers/promises';
import {
  charterReceiptFrameSchema,
  charterView,
  runTurnSchema,
  type Receipt,
  type ReceiptCell,
  type ReceiptCounts,
  type ReceiptStray,
} from '#contracts';
import { canonicalJson, isRunFinished } from '#domain';
import {
  readInSnapshot,
  readReceiptCells,
  readReceiptGates,
  readReceiptRun,
  readRunQuestions,
  readRunTurns,
  tallyCells,
  CharterDatabase,
  type Database,
  type Queryable,
  type ReceiptCellRow,
  type ReceiptGateRow,
  type ReceiptRunRow,
  type RegionTally,
  type RunTurnRow,
} from '#persistence';
import { charterReceiptCell, charterReceiptStray } from '../charter/receipt-face.js';
import { contentHashes } from './prompt-hash.js';
import { missingAnswer, receiptCell, strayOutcomes, substituteAnswer } from './receipt-cells.js';
import { runNotFound } from './run-id.js';

/** Cells, and questions, held as objects at once; the rest is bytes. So many that other requests get their turn soon. */
const BATCH = 100;
/** Bytes copied before others get their turn: some milliseconds. */
const COPY_BYTES = 8_388_608;

/**
 * Writes down a run as it is at one moment.
 * @returns the canonical bytes that are to be signed
 * @throws ProblemError RUN_NOT_FOUND
 */
export function writeReceipt(database: Database | CharterDatabase, runId: string): Promise<Buffer> {
  const isCharter = database instanceof CharterDatabase;
  const face = isCharter ? CHARTER : WHOLE;
  return readInSnapshot(database, async (client) => {
    const run = await readReceiptRun(client, runId);
    if (run === undefined) throw runNotFound();
    const gates = await readReceiptGates(client, runId);
    const tallies = await tallyCells(client, runId);
    const cells = new CellWriter(run, face);
    for await (const batch of readReceiptCells(client, runId, BATCH, isCharter)) cells.add(batch);
    const rest = face.frame({
      version: 1,
      issued_at: run.now.toISOString(),
      ended: isRunFinished(run.status),
      gates: gates.map(gateOf),
      run: runOf(run, await readRunTurns(client, runId)),
    });
    const members: Record<string, readonly Buffer[]> = {
      cells: cells.listed.close(),
      counts: [bytesOf(countsOf(run, tallies, cells))],
      missing: cells.missing.close(),
      questions: await writeQuestions(client, run),
      stray_outcomes: [bytesOf(cells.strays.map(face.stray))],
      substitutes: cells.substitutes.close(),
    };
    for (const [name, value] of Object.entries(rest)) members[name] = [bytesOf(value)];
    return joinMembers(members);
  });
}

type Frame = Omit<Receipt, 'cells' | 'counts' | 'missing' | 'questions' | 'substitutes' | 'stray_outcomes'>;

/** How much of a run its receipt tells. */
interface ReceiptFace {
  readonly frame: (frame: Frame) => object;
  readonly cell: (cell: ReceiptCell) => object;
  readonly stray: (stray: ReceiptStray) => object;
}
const WHOLE: ReceiptFace = { frame: (frame) => frame, cell: (cell) => cell, stray: (stray) => stray };
const CHARTER: ReceiptFace = { frame: charterFrame, cell: charterReceiptCell, stray: charterReceiptStray };

function charterFrame({ version, issued_at, ended, run, gates }: Frame): object {
  const { parameters, max_skew_s: maxSkewS, budget, history } = run;
  return charterView(charterReceiptFrameSchema, {
    ...{ version, issued_at, ended, gates },
    face: 'charter',
    run: {
      ...run,
      parameters: {
        temperature: parameters.temperature,
        max_tokens: parameters.max_tokens,
        seed: parameters.seed ?? null,
        question_order: parameters.question_order ?? 'given',
      },
      max_skew_s: maxSkewS ?? null,
      budget: budget ?? null,
      history: history ?? [],
    },
  });
}

/** An object whose members are in canonical form already. They may be large: they are copied once, piece by piece. */
async function joinMembers(members: Readonly<Record<string, readonly Buffer[]>>): Promise<Buffer> {
  const names = Object.keys(members).sort();
  const parts = names.flatMap((name, index) => [
    Buffer.from(`${index === 0 ? '{' : ','}${canonicalJson(name)}:`),
    ...(members[name] ?? []),
  ]);
  parts.push(Buffer.from('}'));
  const joined = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  let sincePause = 0;
  for (const part of parts) {
    at += part.copy(joined, at);
    sincePause += part.length;
    if (sincePause < COPY_BYTES) continue;
    sincePause = 0;
    await setImmediate();
  }
  return joined;
}

/** A JSON list that grows as bytes. */
class ListWriter {
  private readonly chunks: Buffer[] = [];

  add(items: readonly unknown[]): void {
    if (items.length === 0) return;
    const separator = this.chunks.length === 0 ? '[' : ',';
    this.chunks.push(Buffer.from(separator + items.map(canonicalJson).join(',')));
  }

  close(): readonly Buffer[] {
    return this.chunks.length === 0 ? [Buffer.from('[]')] : [...this.chunks, Buffer.from(']')];
  }
}

/** What follows from the cells, gathered as they go by. */
class CellWriter {
  readonly listed = new ListWriter();
  readonly missing = new ListWriter();
  readonly substitutes = new ListWriter();
  readonly strays: ReceiptStray[] = [];
  jobs = 0;
  attempts = 0;
  answersNotTaken = 0;

  constructor(
    private readonly run: ReceiptRunRow,
    private readonly face: ReceiptFace,
  ) {}

  add(rows: readonly ReceiptCellRow[]): void {
    this.listed.add(rows.map((row) => this.face.cell(receiptCell(row, this.run.spec.seed ?? null))));
    this.missing.add(rows.flatMap((row) => missingAnswer(row, this.run.ending) ?? []));
    this.substitutes.add(rows.flatMap((row) => substituteAnswer(row) ?? []));
    for (const row of rows) {
      this.strays.push(...strayOutcomes(row));
      for (const job of row.jobs) {
        this.jobs += 1;
        this.attempts += job.attempts.length;
        const isTaken = row.state === 'accepted' && job.id === row.jobId;
        if (job.state === 'completed' && !isTaken) this.answersNotTaken += 1;
      }
    }
  }
}

async function writeQuestions(client: Queryable, { id, spec }: ReceiptRunRow): Promise<readonly Buffer[]> {
  const questions = new ListWriter();
  for await (const batch of readRunQuestions(client, id, BATCH)) {
    questions.add(
      batch.map((question) => ({
        question_id: question.questionId,
        erased: question.contentHashes !== null,
        ...contentHashes(spec, question),
      })),
    );
  }
  return questions.close();
}

function countsOf(
  { spec }: ReceiptRunRow,
  tallies: readonly RegionTally[],
  cells: CellWriter,
): ReceiptCounts {
  const total = (pick: (tally: RegionTally) => number): number =>
    tallies.reduce((sum, tally) => sum + pick(tally), 0);
  const missingOf = ({ failed, cancelled, submitted, pending }: RegionTally): number =>
    failed + cancelled + submitted + pending;
  const cellsOf = (tally: RegionTally): number => tally.answered + tally.substituted + missingOf(tally);
  const ofRegion = (region: string) => {
    const tally = tallies.find((each) => each.region === region);
    if (tally === undefined) return { cells: 0, answered: 0, substituted: 0, missing: 0 };
    const { answered, substituted } = tally;
    return { cells: cellsOf(tally), answered, substituted, missing: missingOf(tally) };
  };
  return {
    cells: total(cellsOf),
    answered: total(({ answered }) => answered),
    substituted: total(({ substituted }) => substituted),
    missing: total(missingOf),
    failed: total(({ failed }) => failed),
    cancelled: total(({ cancelled }) => cancelled),
    submitted: total(({ submitted }) => submitted),
    pending: total(({ pending }) => pending),
    by_region: Object.fromEntries(spec.regions.map((region) => [region, ofRegion(region)])),
    jobs: cells.jobs,
    attempts: cells.attempts,
    answers_not_taken: cells.answersNotTaken,
    stray_outcomes: cells.strays.length,
  };
}

function runOf(run: ReceiptRunRow, turns: readonly RunTurnRow[]): Receipt['run'] {
  const { spec } = run;
  return {
    run_id: run.id,
    name: run.name,
    status: run.status,
    models: [...spec.models],
    regions: [...spec.regions],
    pairs: spec.pairs.map(({ model, region }) => ({ model, region })),
    unavailable: spec.unavailable.map(({ model, region }) => ({ model, region })),
    repeats: spec.repeats,
    region_policy: spec.region_policy,
    order: run.order,
    requested_order: run.requestedOrder,
    parameters: {
      temperature: spec.temperature,
      max_tokens: spec.max_tokens,
      seed: spec.seed ?? null,
      question_order: spec.question_order ?? 'given',
    },
    max_skew_s: spec.max_skew_s ?? null,
    budget: spec.budget ?? null,
    history: turns.map(({ type, data, at }) =>
      runTurnSchema.parse({ ...(type === 'run.reopened' ? data : {}), type, at: at.toISOString() }),
    ),
    total_cells: run.totalCells,
    created_at: run.createdAt.toISOString(),
    started_at: run.startedAt?.toISOString() ?? null,
    finished_at: run.finishedAt?.toISOString() ?? null,
  };
}

function gateOf(gate: ReceiptGateRow): Receipt['gates'][number] {
  return {
    gate_id: gate.gateId,
    after_question: gate.afterQuestion,
    status: gate.status,
    expires_in_s: gate.expiresInS,
    waiting_since: gate.waitingSince?.toISOString() ?? null,
    expires_at: gate.expiresAt?.toISOString() ?? null,
    decided_at: gate.decidedAt?.toISOString() ?? null,
  };
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(canonicalJson(value));
}
