import type { Configuration } from '#config';
import {
  charterQuestionBankSchema,
  charterView,
  parseRequest,
  questionBankQuerySchema,
  type CharterView,
  type QuestionBankView,
  type WaitingGatesView,
  type charterWaitingGatesSchema,
} from '#contracts';
import { visibleTenant, type Caller } from '#domain';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import { From } from '../access/caller.js';
import { CharterPolicy } from '../charter/charter-policy.js';
import { RunReader } from './run-reader.js';

/** Injects the question bank. */
export const QUESTION_BANK = Symbol('question bank');

/** What runs are composed from, and what they wait for. */
@Controller()
export class RunListsController {
  constructor(
    private readonly reader: RunReader,
    @Inject(QUESTION_BANK) private readonly bank: Configuration['questions'],
    private readonly policy: CharterPolicy,
  ) {}

  @Get('questions')
  questions(
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<QuestionBankView | CharterView<typeof charterQuestionBankSchema>> {
    const { limit, cursor } = parseRequest(questionBankQuerySchema, query);
    const from = Number(cursor ?? 0);
    const view: QuestionBankView = {
      questions: this.bank
        .slice(from, from + limit)
        .map(({ id, text, system }) => ({ id, text, system: system ?? null })),
      next_cursor: from + limit < this.bank.length ? String(from + limit) : null,
    };
    return this.policy.reply(
      caller,
      () => view,
      () => charterView(charterQuestionBankSchema, view),
    );
  }

  @Get('gates')
  gates(
    @Query() query: unknown,
    @From() caller: Caller,
  ): Promise<WaitingGatesView | CharterView<typeof charterWaitingGatesSchema>> {
    return this.policy.reply(
      caller,
      () => this.reader.waitingGates(query, visibleTenant(caller)),
      () => this.reader.charterWaitingGates(query, caller.tenant),
    );
  }
}
