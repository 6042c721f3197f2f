import {
  COMPARISON_ANSWERS_MAX,
  ProblemError,
  comparisonQuerySchema,
  parseRequest,
  type ComparisonView,
} from '#contracts';
import { Database, findRunQuestion, readComparedCells } from '#persistence';
import { Controller, Get, Param, Query } from '@nestjs/common';
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
  ) {}

  @Get()
  async compare(@Param('id') id: string, @Query() query: unknown): Promise<ComparisonView> {
    const { question: questionId, repeat, cursor } = parseRequest(comparisonQuerySchema, query);
    const run = await this.reader.find(runIdOf(id));
    if (repeat > run.spec.repeats) throw noSuch('repeat', `the run has ${run.spec.repeats} repeats`);
    const question = await findRunQuestion(this.database, run.id, questionId);
    if (question === undefined) throw noSuch('question', 'is not a question of this run');
    const cells = await readComparedCells(
      this.database,
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
}

function noSuch(field: string, message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `${field}: ${message}`, [{ field, message }]);
}
