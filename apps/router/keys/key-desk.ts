import { KEY_ID, hashKey, makeKey } from '#api-keys';
import {
  ProblemError,
  keyRequestSchema,
  keyRotationSchema,
  parseRequest,
  type KeyCreatedView,
  type KeyListView,
  type KeyView,
} from '#contracts';
import type { Caller } from '#domain';
import type { Logger, Metrics } from '#observability';
import {
  appendAudit,
  insertApiKey,
  keepFileKey,
  retireApiKey,
  revokeApiKey,
  type Database,
  type NewApiKey,
  type Queryable,
} from '#persistence';
import { actOf } from '../access/act-of.js';
import type { KeyRing, KnownKey } from '../access/key-ring.js';

export interface KeyDeskParts {
  readonly database: Database;
  /** undefined: the server has no keys. */
  readonly ring: KeyRing | undefined;
  /** What a tenant's webhooks are signed with; null: nothing. */
  readonly webhookSecretOf: (tenant: string) => string | null;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Gives out keys and takes them back. Every act is in the audit log, in the transaction of the act. */
export class KeyDesk {
  constructor(private readonly parts: KeyDeskParts) {}

  /** @throws ProblemError KEYS_NOT_IN_FORCE, VALIDATION_FAILED */
  async create(body: unknown, caller: Caller): Promise<KeyCreatedView> {
    const ring = this.ring();
    const { name, tenant, roles, limits, expires_in_s: expiresInS } = parseRequest(keyRequestSchema, body);
    const given = {
      name,
      tenant: tenant ?? name,
      roles,
      limits: JSON.parse(JSON.stringify(limits)) as Caller['limits'],
      expiresInS: expiresInS ?? null,
      replaces: null,
    };
    return this.give(ring, given, caller, async (client, keyId) => {
      const detail = { name, tenant: given.tenant, roles, limits: given.limits };
      await appendAudit(client, actOf(caller, 'key.created', keyId, detail));
    });
  }

  /** @throws ProblemError KEYS_NOT_IN_FORCE */
  async list(): Promise<KeyListView> {
    const ring = this.ring();
    return { keys: (await ring.list()).map((key) => viewOf(ring, key)) };
  }

  /**
   * Asking twice changes nothing.
   * @throws ProblemError KEYS_NOT_IN_FORCE, KEY_NOT_FOUND
   */
  async revoke(keyId: string, caller: Caller): Promise<KeyView> {
    const ring = this.ring();
    const key = await this.find(ring, keyId);
    if (key.revokedAtMs === null) {
      const isRevokedNow = await this.parts.database.transaction(async (client) => {
        if (key.source === 'file') await keepFileKey(client, rowOf(key));
        // Somebody else may have revoked it meanwhile: it is one act.
        const isRevokedNow = await revokeApiKey(client, keyId);
        if (isRevokedNow) await appendAudit(client, actOf(caller, 'key.revoked', keyId, { name: key.name }));
        return isRevokedNow;
      });
      if (isRevokedNow) this.record('key.revoked', keyId, caller, 'a key was revoked');
    }
    return viewOf(ring, await this.find(ring, keyId));
  }

  /**
   * Makes a key that may do what this one may, and for as long where nothing else is asked for; this one goes on for a while.
   * @throws ProblemError KEYS_NOT_IN_FORCE, KEY_NOT_FOUND, KEY_ENDED, KEY_IN_FILE
   */
  async rotate(keyId: string, body: unknown, caller: Caller): Promise<KeyCreatedView> {
    const ring = this.ring();
    const { overlap_s: overlapS, expires_in_s: expiresInS } = parseRequest(keyRotationSchema, body ?? {});
    const key = await this.find(ring, keyId);
    if (!ring.isActive(key)) throw ended();
    if (key.source === 'file') {
      throw new ProblemError('KEY_IN_FILE', 'this key stands in the keys file: rotate it there');
    }
    const given = { ...rowOf(key), expiresInS: expiresInS ?? ring.secondsLeft(key), replaces: keyId };
    return this.give(ring, given, caller, async (client, freshId) => {
      // Somebody may have revoked it meanwhile.
      if (!(await retireApiKey(client, keyId, overlapS))) throw ended();
      await appendAudit(
        client,
        actOf(caller, 'key.rotated', keyId, { new_key: freshId, overlap_s: overlapS }),
      );
    });
  }

  private async give(
    ring: KeyRing,
    given: Omit<NewApiKey, 'keyId' | 'hash'>,
    caller: Caller,
    more: (client: Queryable, keyId: string) => Promise<void>,
  ): Promise<KeyCreatedView> {
    const { keyId, key } = makeKey();
    await this.parts.database.transaction(async (client) => {
      await insertApiKey(client, { ...given, keyId, hash: hashKey(key, ring.pepper) });
      await more(client, keyId);
    });
    this.record('key.created', keyId, caller, 'a key was made');
    const view = viewOf(ring, await this.find(ring, keyId));
    return { ...view, key, webhook_secret: this.parts.webhookSecretOf(given.tenant) };
  }

  private record(event: string, keyId: string, { keyId: by }: Caller, line: string): void {
    this.parts.metrics.count('beacon_key_changes_total', { change: event.slice('key.'.length) });
    this.parts.logger.info({ event, key_id: keyId, by }, line);
  }

  private async find(ring: KeyRing, keyId: string): Promise<KnownKey> {
    const key = KEY_ID.test(keyId) ? (await ring.list()).find((each) => each.keyId === keyId) : undefined;
    if (key === undefined) throw new ProblemError('KEY_NOT_FOUND', 'no key has this id');
    return key;
  }

  private ring(): KeyRing {
    const { ring } = this.parts;
    if (ring === undefined) {
      throw new ProblemError('KEYS_NOT_IN_FORCE', 'this server was started without BEACON_API_KEYS_FILE');
    }
    return ring;
  }
}

function ended(): ProblemError {
  return new ProblemError('KEY_ENDED', 'this key has expired or was revoked');
}

function rowOf({ name, hash, replaces, keyId, caller: { tenant, roles, limits } }: KnownKey) {
  return { keyId, name, tenant, hash, roles, limits, replaces };
}

function viewOf(ring: KeyRing, key: KnownKey): KeyView {
  const { tenant, roles, limits } = key.caller;
  const status = key.revokedAtMs !== null ? 'revoked' : ring.isActive(key) ? 'active' : 'expired';
  return {
    key_id: key.keyId,
    name: key.name,
    tenant,
    roles: [...roles],
    limits: limits as KeyView['limits'],
    source: key.source,
    status,
    created_at: new Date(key.createdAtMs).toISOString(),
    expires_at: timeOf(key.expiresAtMs),
    revoked_at: timeOf(key.revokedAtMs),
    replaces: key.replaces,
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
