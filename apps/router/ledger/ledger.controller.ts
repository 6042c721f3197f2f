import { Readable } from 'node:stream';
import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import {
  ledgerQuerySchema,
  ledgerSummaryQuerySchema,
  parseRequest,
  type LedgerFormat,
  type LedgerPage,
  type LedgerSummaryView,
} from '#contracts';
import { Database, readLedger, summariseLedger } from '#persistence';
import { entryView, ledgerStream, sumsView } from './ledger-rows.js';

const CONTENT_TYPES: Readonly<Record<LedgerFormat, string>> = {
  json: 'application/json; charset=utf-8',
  jsonl: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
};

/** What calls cost, of all tenants. Who is not to know that does not come this far: the route needs the role `ledger`. */
@Controller('ledger')
export class LedgerController {
  constructor(@Inject(Database) private readonly database: Database) {}

  @Get()
  async list(@Query() query: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { format, order, limit, cursor, ...filter } = parseRequest(ledgerQuerySchema, query);
    void reply.type(CONTENT_TYPES[format]);
    if (format === 'json') {
      const entries = await readLedger(this.database, filter, order, cursor, limit + 1);
      const shown = entries.slice(0, limit);
      const page: LedgerPage = {
        entries: shown.map(entryView),
        next_cursor: entries.length > limit ? (shown.at(-1)?.entry_no ?? null) : null,
      };
      void reply.send(page);
      return;
    }
    if (format === 'csv') void reply.header('content-disposition', 'attachment; filename="ledger.csv"');
    void reply.send(Readable.from(ledgerStream(this.database, filter, format, order, cursor)));
  }

  @Get('summary')
  async summary(@Query() query: unknown): Promise<LedgerSummaryView> {
    const { group_by: group, limit, ...filter } = parseRequest(ledgerSummaryQuerySchema, query);
    const { groups, total, isTruncated } = await summariseLedger(this.database, filter, group, limit);
    return {
      group_by: group,
      groups: groups.map((sums) => ({ value: sums.value, ...sumsView(sums) })),
      total: sumsView(total),
      truncated: isTruncated,
    };
  }
}
