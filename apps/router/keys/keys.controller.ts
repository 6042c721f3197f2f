import { Body, Controller, Delete, Get, Header, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  auditQuerySchema,
  parseRequest,
  type AuditListView,
  type KeyCreatedView,
  type KeyListView,
  type KeySelfView,
  type KeyView,
} from '#contracts';
import type { Caller } from '#domain';
import { Database, readAudit } from '#persistence';
import { From } from '../access/caller.js';
import { KeyDesk } from './key-desk.js';

@Controller()
export class KeysController {
  constructor(
    @Inject(KeyDesk) private readonly desk: KeyDesk,
    @Inject(Database) private readonly database: Database,
  ) {}

  @Post('keys')
  @HttpCode(201)
  create(@Body() body: unknown, @From() caller: Caller): Promise<KeyCreatedView> {
    return this.desk.create(body, caller);
  }

  @Get('keys')
  list(): Promise<KeyListView> {
    return this.desk.list();
  }

  @Get('keys/self')
  self(@From() { keyId, tenant, roles, limits }: Caller): KeySelfView {
    return { key_id: keyId, tenant, roles: [...roles], limits: limits as KeySelfView['limits'] };
  }

  @Delete('keys/:key_id')
  @HttpCode(200)
  revoke(@Param('key_id') keyId: string, @From() caller: Caller): Promise<KeyView> {
    return this.desk.revoke(keyId, caller);
  }

  @Post('keys/:key_id/rotate')
  @HttpCode(201)
  rotate(
    @Param('key_id') keyId: string,
    @Body() body: unknown,
    @From() caller: Caller,
  ): Promise<KeyCreatedView> {
    return this.desk.rotate(keyId, body, caller);
  }

  /** Who did what, the latest first. */
  @Get('audit')
  @Header('cache-control', 'no-store')
  async audit(@Query() query: unknown): Promise<AuditListView> {
    const { limit, cursor } = parseRequest(auditQuerySchema, query);
    const entries = await readAudit(this.database, limit + 1, cursor);
    const page = entries.slice(0, limit);
    return {
      entries: page.map(({ entryNo, at, requestId, actor, tenant, act, target, detail }) => ({
        ...{ entry_no: entryNo, at: at.toISOString(), actor, tenant, act, target },
        ...{ detail: { ...detail }, request_id: requestId },
      })),
      next_cursor: entries.length > limit ? (page.at(-1)?.entryNo ?? null) : null,
    };
  }
}
