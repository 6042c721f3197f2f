import {
  COMPARISON_ANSWERS_MAX,
  ProblemError,
  comparisonQuerySchema,
  parseRequest,
  type CharterView,
  type ComparisonView,
  type charterComparisonSchema,
} from '#contracts';
import type { Caller, RunStatus } from '#domain';
import type { z } from 'zod';
import {
  Database,
  findRunQuestion,
  readComparedCells,
  type Queryable,
  type StoredRunSpec,
} from '#persistence';
import { Controller, Get, Param, Query } from '@nestjs/common';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { charterComparison } from '../charter/run-face.js';
import { compareAnswers, comparedAnswer } from './compare-answers.js';
import { runIdOf } from './run-id.js';
import { RunReader } from './run-reader.js';

/** Answers of one page, together; a page has at least one. */
const ANSWER_BYTES_MAX = 4_194_304;

@Controller('runs/:id/comparison')
export class ComparisonController {
  constructor(
    private readonly database: Database,
    private readonly reader: RunReader,
    private readonly policy: CharterPolicy,
  ) {}

  @Get()
  compare(
    @Param('id') id: string,
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<ComparisonView | CharterView<typeof charterComparisonSchema>> {
    const asked = parseRequest(comparisonQuerySchema, query);
    const runId = runIdOf(id);
    return this.policy.reply(
      caller,
      async () => compareIn(this.database, await this.reader.find(runId), asked),
      async () => {
        const run = await this.reader.findCharter(runId);
        return charterComparison(await compareIn(this.reader.charter, run, asked));
      },
    );
  }
}

interface ComparedRun {
  readonly id: string;
  readonly status: RunStatus;
  readonly spec: Pick<StoredRunSpec, 'repeats' | 'pairs'>;
}

async function compareIn(
  database: Queryable,
  run: ComparedRun,
  { question: questionId, repeat, cursor }: z.infer<typeof comparisonQuerySchema>,
): Promise<ComparisonView> {
  if (repeat > run.spec.repeats) throw noSuch('repeat', `the run has ${run.spec.repeats} repeats`);
  const question = await findRunQuestion(database, run.id, questionId);
  if (question === undefined) throw noSuch('question', 'is not a question of this run');
  const cells = await readComparedCells(
    database,
    run,
    { questionNo: question.questionNo, repeat, afterPairNo: cursor },
    COMPARISON_ANSWERS_MAX,
    ANSWER_BYTES_MAX,
  );
  const answers = cells.map(comparedAnswer);
  const last = cells.at(-1)?.pairNo ?? cursor;
  return {
    run_id: run.id,
    status: run.status,
    question_id: question.questionId,
    question: question.text,
    question_erased: question.contentHashes !== null,
    repeat,
    repeats: run.spec.repeats,
    answers,
    similarities: await compareAnswers(answers),
    next_cursor: last < run.spec.pairs.length ? last : null,
    next_question: question.nextQuestionId,
  };
}

function noSuch(field: string, message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `${field}: ${message}`, [{ field, message }]);
}
