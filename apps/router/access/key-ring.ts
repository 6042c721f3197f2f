import { stat } from 'node:fs/promises';
import type { FastifyRequest } from 'fastify';
import { isKey, keyIdOf, readKeysFile, type KeysFile, type StoredKey } from '#api-keys';
import { ProblemError } from '#contracts';
import type { Caller } from '#domain';
import type { Logger, Metrics } from '#observability';
import { readApiKeys, readKeysStamp, type ApiKeyRow, type Database } from '#persistence';
import type { Authenticator } from './guard-routes.js';
import { bearerOf, serviceCaller } from './service-token.js';

/** A revocation takes effect everywhere within this and one look at the database. */
const LOOK_MS = 400;
/** Older knowledge decides nothing: it is renewed first, or the request is refused. */
const STALE_MS = 1000;

/** A key as requests are held against it. Times are Unix ms. */
export interface KnownKey {
  readonly keyId: string;
  readonly name: string;
  readonly source: 'file' | 'database';
  readonly hash: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly replaces: string | null;
  readonly caller: Caller;
}

export interface KeyRingParts {
  readonly path: string;
  readonly database: Database;
  readonly serviceToken: string | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * The keys of a server: those of its file and those of the database, looked at again and again, because another router, or
 * somebody with an editor, may revoke one at any time.
 */
export class KeyRing implements Authenticator {
  private keys: ReadonlyMap<string, KnownKey> = new Map();
  private fileStamp = '';
  private databaseStamp = '';
  private rows: readonly ApiKeyRow[] = [];
  private lookedAtMs = 0;
  /** The database's clock, less this process's. */
  private clockOffsetMs = 0;
  private looking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly onEnded = new Set<(keyId: string) => void>();
  /** Ended keys of which the listeners have heard. */
  private readonly told = new Set<string>();

  private constructor(
    private readonly parts: KeyRingParts,
    private file: KeysFile,
  ) {}

  /** @throws KeysFileError */
  static async open(parts: KeyRingParts): Promise<KeyRing> {
    const ring = new KeyRing(parts, await readKeysFile(parts.path));
    await ring.look();
    ring.schedule();
    return ring;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** What keys of this server are hashed with. */
  get pepper(): string {
    return this.file.pepper;
  }

  /** Calls `listener` with the id of each key that is not valid any more. */
  whenEnded(listener: (keyId: string) => void): void {
    this.onEnded.add(listener);
  }

  /** All keys, also those that are not valid any more; as they are at this moment. */
  async list(): Promise<KnownKey[]> {
    // A look that began before may not have seen what has just been written.
    await this.looking?.catch(() => undefined);
    await this.look();
    return [...this.keys.values()];
  }

  isActive(key: KnownKey): boolean {
    const nowMs = Date.now() + this.clockOffsetMs;
    return key.revokedAtMs === null && (key.expiresAtMs === null || key.expiresAtMs > nowMs);
  }

  /**
   * In whose name work of a key goes on that was begun: the key's own, or that of the one that replaces it. A key that is not
   * known may have been made at another router a moment ago: it is looked for before anything is ended for want of it.
   * @param tenant whose work it is: a key that was given to another tenant does not go on with it
   * @returns undefined: none is valid any more
   * @throws ProblemError DATABASE_UNAVAILABLE
   */
  async callerFor(keyId: string, tenant: string): Promise<Caller | undefined> {
    const known = this.knownFor(keyId, tenant);
    if (known !== undefined) return known;
    await this.list();
    return this.knownFor(keyId, tenant);
  }

  private knownFor(keyId: string, tenant: string): Caller | undefined {
    const heirs = new Set([keyId]);
    // A set is gone through in the order in which it grows: heirs of heirs come after.
    for (const heir of heirs) {
      const key = this.keys.get(heir);
      if (key !== undefined && key.caller.tenant === tenant && this.isActive(key)) return key.caller;
      for (const next of this.keys.values()) if (next.replaces === heir) heirs.add(next.keyId);
    }
    return undefined;
  }

  /** Whole seconds until a key expires; null: it does not. */
  secondsLeft({ expiresAtMs }: KnownKey): number | null {
    if (expiresAtMs === null) return null;
    return Math.max(1, Math.ceil((expiresAtMs - Date.now() - this.clockOffsetMs) / 1000));
  }

  async authenticate(request: FastifyRequest): Promise<Caller> {
    const { serviceToken, metrics } = this.parts;
    const service = serviceCaller(request, serviceToken);
    if (service !== undefined) return service;
    const text = bearerOf(request);
    if (text === undefined) {
      metrics.count('beacon_key_refusals_total', { reason: 'missing' });
      throw new ProblemError('UNAUTHENTICATED', 'Authorization: must be "Bearer" and an API key', [
        { field: 'Authorization', message: 'must be "Bearer" and an API key' },
      ]);
    }
    if (performance.now() - this.lookedAtMs > STALE_MS) await this.look();
    const key = this.keys.get(keyIdOf(text) ?? '');
    if (!isKey(text, key?.hash, this.file.pepper) || key === undefined) {
      metrics.count('beacon_key_refusals_total', { reason: 'unknown' });
      throw refused('is not a key of this server');
    }
    if (!this.isActive(key)) {
      const reason = key.revokedAtMs === null ? 'expired' : 'revoked';
      metrics.count('beacon_key_refusals_total', { reason });
      throw refused(reason === 'expired' ? 'has expired' : 'was revoked');
    }
    return key.caller;
  }

  /** Learns what has changed since. @throws ProblemError DATABASE_UNAVAILABLE */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const beganMs = performance.now();
    const fileChanged = await this.lookAtFile();
    try {
      const { stamp, nowMs } = await readKeysStamp(this.parts.database);
      this.clockOffsetMs = nowMs - Date.now();
      if (stamp !== this.databaseStamp) {
        this.rows = await readApiKeys(this.parts.database);
        this.databaseStamp = stamp;
        this.gather();
      } else if (fileChanged || this.keys.size === 0) this.gather();
    } catch (error) {
      // What the file says holds all the same.
      if (fileChanged) this.gather();
      throw new ProblemError('DATABASE_UNAVAILABLE', 'keys cannot be checked now; try again', [], {
        cause: error,
      });
    }
    this.lookedAtMs = beganMs;
    this.endExpired();
  }

  /** @returns whether its keys are others now. A file that cannot be used leaves those in force that were. */
  private async lookAtFile(): Promise<boolean> {
    const { path, logger } = this.parts;
    try {
      const { mtimeMs, ino, size } = await stat(path);
      const stamp = `${mtimeMs}:${ino}:${size}`;
      if (stamp === this.fileStamp) return false;
      const file = await readKeysFile(path);
      if (this.fileStamp !== '') this.logChanges(file);
      this.fileStamp = stamp;
      this.file = file;
      return true;
    } catch (error) {
      logger.error(
        { event: 'keys_file.unusable', err: error },
        'the keys file cannot be used; keys stay as they were',
      );
      return false;
    }
  }

  /** Whoever edits the file leaves no other trace here. */
  private logChanges(file: KeysFile): void {
    const stateOf = ({ keys }: KeysFile): Map<string, string> =>
      new Map(keys.map((key) => [key.key_id, JSON.stringify(key)]));
    const [was, is] = [stateOf(this.file), stateOf(file)];
    const changed = [...new Set([...was.keys(), ...is.keys()])].filter((id) => was.get(id) !== is.get(id));
    this.parts.logger.info({ event: 'keys_file.changed', key_ids: changed }, 'the keys file was changed');
  }

  private gather(): void {
    const keys = new Map<string, KnownKey>();
    for (const stored of this.file.keys) keys.set(stored.key_id, ofFile(stored));
    for (const row of this.rows) {
      const inFile = keys.get(row.key_id);
      // A row of a key that stands in the file is there to revoke it: what revokes a key holds, wherever it stands.
      if (inFile === undefined) keys.set(row.key_id, ofRow(row));
      else if (row.revoked_at_ms !== null)
        keys.set(row.key_id, { ...inFile, revokedAtMs: row.revoked_at_ms });
    }
    const gone = [...this.keys.keys()].filter((keyId) => !keys.has(keyId));
    this.keys = keys;
    for (const keyId of gone) this.tell(keyId);
  }

  private endExpired(): void {
    for (const key of this.keys.values()) {
      if (this.isActive(key)) {
        this.told.delete(key.keyId);
        continue;
      }
      if (this.told.has(key.keyId)) continue;
      this.told.add(key.keyId);
      this.tell(key.keyId);
    }
  }

  private tell(keyId: string): void {
    for (const listener of this.onEnded) listener(keyId);
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.look()
        .catch((error: unknown) => {
          const line = 'keys could not be looked at; requests wait until they can';
          this.parts.logger.warn({ event: 'keys.not_looked_at', err: error }, line);
        })
        .finally(() => this.schedule());
    }, LOOK_MS);
    this.timer.unref();
  }
}

function refused(message: string): ProblemError {
  return new ProblemError('UNAUTHENTICATED', `Authorization: ${message}`, [
    { field: 'Authorization', message },
  ]);
}

function ofFile(key: StoredKey): KnownKey {
  const { key_id: keyId, name, tenant, hash, roles, limits, replaces } = key;
  return {
    ...{ keyId, name, hash, replaces, source: 'file' },
    createdAtMs: Date.parse(key.created_at),
    expiresAtMs: key.expires_at === null ? null : Date.parse(key.expires_at),
    revokedAtMs: key.revoked_at === null ? null : Date.parse(key.revoked_at),
    caller: { kind: 'key', tenant, keyId, roles, limits: stripped(limits), requestId: null },
  };
}

function ofRow(row: ApiKeyRow): KnownKey {
  const { key_id: keyId, name, tenant, hash, roles, limits, replaces } = row;
  return {
    ...{ keyId, name, hash, replaces, source: 'database' },
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    caller: { kind: 'key', tenant, keyId, roles, limits, requestId: null },
  };
}

/** Without keys that are there and undefined. */
function stripped(limits: StoredKey['limits']): Caller['limits'] {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
