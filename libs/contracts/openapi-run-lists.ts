import { questionBankSchema, questionBankQuerySchema } from './http/question-bank.js';
import { waitingGatesSchema, waitingGatesQuerySchema } from './http/waiting-gates.js';
import type { Operation } from './openapi.js';

/** What runs are composed from, and what they wait for. */
export function runListOperations(): Operation[] {
  return [
    {
      method: 'get',
      path: '/questions',
      tag: 'runs',
      summary: 'List the question bank',
      query: questionBankQuerySchema.shape,
      responses: { 200: questionBankSchema },
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'get',
      path: '/gates',
      tag: 'runs',
      summary: 'List the gates that wait for a decision, over all runs; those that expire first come first',
      query: waitingGatesQuerySchema.shape,
      responses: { 200: waitingGatesSchema },
      problems: ['VALIDATION_FAILED'],
    },
  ];
}
