import { z } from 'zod';
import {
  LEDGER_FILTERS,
  LEDGER_FORMATS,
  LEDGER_LIMITS,
  LEDGER_SUMMARY_GROUPS,
  ledgerPageSchema,
  ledgerSummarySchema,
} from './http/ledger.js';
import type { Operation } from './openapi.js';

/** Operations on what calls cost. */
export function ledgerOperations(): Operation[] {
  return [
    {
      method: 'get',
      path: '/ledger',
      tag: 'ledger',
      summary: 'List entries, oldest first; format=jsonl and format=csv stream all that match',
      query: {
        ...LEDGER_FILTERS,
        format: z.enum(LEDGER_FORMATS).default('json'),
        limit: LEDGER_LIMITS.page,
        cursor: z.string().optional(),
      },
      responses: { 200: ledgerPageSchema },
      alsoAnswers: ['application/x-ndjson', 'text/csv'],
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'get',
      path: '/ledger/summary',
      tag: 'ledger',
      summary: 'Sum entries up by run, model, region, day, key, task type and more',
      query: {
        ...LEDGER_FILTERS,
        group_by: z.enum(LEDGER_SUMMARY_GROUPS).default('day'),
        limit: LEDGER_LIMITS.groups,
      },
      responses: { 200: ledgerSummarySchema },
      problems: ['VALIDATION_FAILED'],
    },
  ];
}
