import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { changeKeysFile, hashKey, makeKey } from '#api-keys';
import type { KeyCreatedView, KeyView } from '#contracts';
import type { Role } from '#domain';
import { revokeApiKey } from '#persistence';
import {
  BeaconClient,
  deploymentOf,
  startBeacon,
  until,
  untilBlocked,
  type Beacon,
  type UpstreamCall,
} from '#testing';

const ADMIN = makeKey();
const NOW = '2026-01-01T00:00:00.000Z';

describe('API keys', () => {
  let beacon: Beacon;
  let folder: string;
  let path: string;
  let other: Awaited<ReturnType<Beacon['startAnotherRouter']>>;

  const keep = async (
    keyId: string,
    key: string,
    more: { expires_at?: string; roles?: Role[] } = {},
  ): Promise<void> =>
    changeKeysFile(path, (file) => ({
      file: {
        ...file,
        keys: [
          ...file.keys,
          {
            ...{ key_id: keyId, name: 'in file', tenant: 'ops', roles: ['admin'], limits: {} },
            ...{ hash: hashKey(key, file.pepper), created_at: NOW, expires_at: null, revoked_at: null },
            ...{ replaces: null, ...more },
          },
        ],
      },
      result: undefined,
    }));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon-keys-'));
    path = join(folder, 'keys.json');
    await keep(ADMIN.keyId, ADMIN.key);
    beacon = await startBeacon({
      configuration: deploymentOf({ m: ['US'] }, { http: { cors_origins: ['https://console.example.org'] } }),
      keysFile: path,
    });
    other = await beacon.startAnotherRouter();
  });
  afterAll(async () => {
    await other.stop();
    await beacon.stop();
    await rm(folder, { recursive: true });
  });

  const admin = (): BeaconClient => beacon.client.as(ADMIN.key);
  const create = async (roles: readonly Role[], more: object = {}): Promise<KeyCreatedView> => {
    const reply = await admin().request<KeyCreatedView>('/keys', {
      json: { name: `team-${randomUUID().slice(0, 8)}`, roles, ...more },
    });
    expect(reply.status).toBe(201);
    return reply.body;
  };
  const statusAt = async (url: string, key: string): Promise<number> =>
    (await new BeaconClient(url, key).request('/keys/self')).status;
  const refusedEverywhere = (key: string): Promise<unknown> =>
    until('it opens nothing anywhere', async () => {
      const statuses = await Promise.all([beacon.url, other.url].map((url) => statusAt(url, key)));
      return statuses.every((status) => status === 401);
    });

  it('are shown once, kept as a hash, and open what their roles say at every router', async () => {
    const made = await create(['submit'], { tenant: 'research', limits: { queued_jobs: 5 } });
    expect(made.key).toMatch(new RegExp(`^${made.key_id}_`));
    for (const url of [beacon.url, other.url])
      await until('it is known there', async () => (await statusAt(url, made.key)) === 200);
    const self = await beacon.client.as(made.key).request('/keys/self');
    expect(self.body).toEqual({
      ...{ key_id: made.key_id, tenant: 'research', roles: ['submit'], limits: { queued_jobs: 5 } },
    });
    expect((await beacon.client.as(made.key).request('/keys')).status).toBe(403);
    const { body: list } = await admin().request<{ keys: KeyView[] }>('/keys');
    expect(list.keys.map(({ key_id, source }) => [key_id, source])).toEqual(
      expect.arrayContaining([
        [ADMIN.keyId, 'file'],
        [made.key_id, 'database'],
      ]),
    );
    const { rows } = await beacon.database.query<{ row: string }>(
      `SELECT api_keys::text AS row FROM api_keys`,
    );
    const everything = `${JSON.stringify(list)}${JSON.stringify(rows)}${await readFile(path, 'utf8')}`;
    const secret = made.key.slice(made.key_id.length + 1);
    expect(everything).toContain(made.key_id);
    expect(everything).not.toContain(secret);
  });

  it.each([
    ['nothing', undefined],
    ['another scheme', 'Basic YTpi'],
    ['an empty key', 'Bearer '],
    ['no key of the form', 'Bearer hello'],
    ['a key that was never made', `Bearer ${makeKey().key}`],
    ['a known id with another secret', `Bearer ${ADMIN.keyId}_${'A'.repeat(43)}`],
    ['a known key with more behind it', `Bearer ${ADMIN.key}A`],
  ])('are refused alike: %s', async (_title, authorization) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const reply = await beacon.client.request('/queue/status', { headers });
    expect(reply).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(JSON.stringify(reply.body)).not.toContain(ADMIN.keyId);
  });

  it('are checked before a body is read', async () => {
    const reply = await beacon.client.request('/inference/queued', { raw: '{not json', method: 'POST' });
    expect(reply.status).toBe(401);
  });

  it('end everywhere when they are revoked, and what they have under way ends with them', async () => {
    const made = await create(['submit']);
    const client = beacon.client.as(made.key);
    const run = { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['m'], regions: ['US'] };
    const { body } = await client.request<{ run_id: string }>('/runs', { json: run });
    const events = await fetch(`${beacon.url}/runs/${body.run_id}/events`, {
      headers: { authorization: `Bearer ${made.key}` },
    });
    expect(events.status).toBe(200);
    const cut = events.text().then(
      () => 'ended',
      () => 'cut',
    );
    await until('it is known at the other', async () => (await statusAt(other.url, made.key)) === 200);

    const revoked = await new BeaconClient(other.url, ADMIN.key).request<KeyView>(`/keys/${made.key_id}`, {
      method: 'DELETE',
    });
    expect(revoked).toMatchObject({ status: 200, body: { status: 'revoked' } });
    await refusedEverywhere(made.key);
    expect(await cut).toBe('cut');
    // Again changes nothing, its time least of all.
    const again = await admin().request<KeyView>(`/keys/${made.key_id}`, { method: 'DELETE' });
    expect(again.body.revoked_at).toBe(revoked.body.revoked_at);
    const acts = await admin().request<{ entries: { act: string; target: string; actor: string }[] }>(
      '/audit',
    );
    expect(acts.body.entries.filter(({ target }) => target === made.key_id)).toEqual([
      expect.objectContaining({ act: 'key.revoked', actor: ADMIN.keyId }),
      expect.objectContaining({ act: 'key.created', actor: ADMIN.keyId }),
    ]);
  });

  it.each(['the file', 'the database'])('of %s that are revoked by two at once end once', async (source) => {
    let { keyId, key } = makeKey();
    if (source === 'the file') await keep(keyId, key);
    else ({ key_id: keyId, key } = await create(['submit']));
    for (const url of [beacon.url, other.url])
      await until('it is known there', async () => (await statusAt(url, key)) === 200);
    const counted = async (): Promise<number> => {
      const read = [beacon.url, other.url].map((url) =>
        new BeaconClient(url, ADMIN.key).request<{ text: string }>('/metrics'),
      );
      return (await Promise.all(read))
        .flatMap(
          ({ body }) => body.text.match(/(?<=^beacon_key_changes_total\{.*change="revoked".*\} ).*/gm) ?? [],
        )
        .reduce((sum, value) => sum + Number(value), 0);
    };
    const before = await counted();
    const { replies } = await beacon.database.transaction(async (client) => {
      // Whoever is first stands before the entry of the act, and the second waits for the key.
      await client.query('LOCK TABLE audit_log IN SHARE MODE');
      const asked = [beacon.url, other.url].map((url) =>
        new BeaconClient(url, ADMIN.key).request<KeyView>(`/keys/${keyId}`, { method: 'DELETE' }),
      );
      await untilBlocked(beacon.database, 'audit_log');
      await untilBlocked(beacon.database, 'api_keys');
      return { replies: Promise.all(asked) };
    });
    const [one, two] = await replies;
    expect(one).toMatchObject({ status: 200, body: { status: 'revoked' } });
    expect(two).toEqual({ ...two, status: 200, body: one!.body });
    const { rows } = await beacon.database.query(
      `SELECT FROM audit_log WHERE act = 'key.revoked' AND target = $1`,
      [keyId],
    );
    expect({ entries: rows.length, counted: (await counted()) - before }).toEqual({ entries: 1, counted: 1 });
  });

  it('give way to their successors over a time, and see the same jobs', async () => {
    const old = await create(['submit']);
    const { job_id: id } = await beacon.client.as(old.key).queue({ model: 'm', prompt: 'x' });
    const rotated = await admin().request<KeyCreatedView>(`/keys/${old.key_id}/rotate`, {
      json: { overlap_s: 3600 },
    });
    expect(rotated).toMatchObject({ status: 201, body: { replaces: old.key_id, tenant: old.tenant } });
    for (const key of [old.key, rotated.body.key])
      expect((await beacon.client.as(key).job(id)).job_id).toBe(id);
    const last = await admin().request<KeyCreatedView>(`/keys/${rotated.body.key_id}/rotate`, {
      json: { overlap_s: 0 },
    });
    await refusedEverywhere(rotated.body.key);
    expect(await statusAt(beacon.url, last.body.key)).toBe(200);
    const gone = await admin().request(`/keys/${rotated.body.key_id}/rotate`, { json: {} });
    expect(gone).toMatchObject({ status: 409, body: { code: 'KEY_ENDED' } });
  });

  describe('that a batch was made with', () => {
    const calls: UpstreamCall[] = [];
    let open = false;
    beforeAll(() =>
      beacon.upstream.from('US/m', (call) => {
        calls.push(call);
        if (open) call.answer();
      }),
    );
    interface BatchView {
      readonly id: string;
      readonly status: string;
      readonly output_file_id: string | null;
      readonly request_counts: { readonly completed: number };
      readonly errors: { readonly data: readonly { readonly code: string }[] } | null;
    }
    /** Made at once with a new key: the other router, which may drive it, need not know that one yet. */
    const batchOf = async (client: BeaconClient, contents: readonly string[]): Promise<BatchView> => {
      const form = new FormData();
      const lines = contents.map((content, index) =>
        JSON.stringify({
          ...{ custom_id: String(index), method: 'POST', url: '/v1/chat/completions' },
          body: { model: 'm', messages: [{ role: 'user', content }] },
        }),
      );
      form.append('purpose', 'batch');
      form.append('file', new Blob([lines.join('\n')]), 'lines.jsonl');
      const sent = new Response(form);
      const headers = { 'content-type': sent.headers.get('content-type') ?? '' };
      const raw = new Uint8Array(await sent.arrayBuffer());
      const { body: file } = await client.request<{ id: string }>('/v1/files', { raw, headers });
      const { body } = await client.request<BatchView>('/v1/batches', {
        json: { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
      });
      return body;
    };
    const ended = ({ id }: BatchView): Promise<BatchView> =>
      until('the batch has ended', async () => {
        const { body } = await admin().request<BatchView>(`/v1/batches/${id}`);
        return ['completed', 'failed', 'cancelled'].includes(body.status) ? body : undefined;
      });

    it('are followed by their successors', async () => {
      const old = await create(['submit']);
      const batch = await batchOf(beacon.client.as(old.key), ['hangs', 'too']);
      await until('a line is asked', () => calls.length > 0);
      const path = `/keys/${old.key_id}/rotate`;
      const { body: heir } = await admin().request<KeyCreatedView>(path, { json: { overlap_s: 0 } });
      await refusedEverywhere(old.key);
      open = true;
      for (const call of calls.splice(0)) call.answer();
      expect(await ended(batch)).toMatchObject({ status: 'completed', errors: null });
      const { status } = await beacon.client.as(heir.key).request(`/v1/batches/${batch.id}`);
      expect(status).toBe(200);
    });

    it('end it with them, and what was answered is kept', async () => {
      open = false;
      calls.length = 0;
      const made = await create(['submit']);
      const client = beacon.client.as(made.key);
      const batch = await batchOf(client, ['answered', 'hangs', 'too']);
      await until('a line is asked', () => calls.length > 0);
      calls[0]!.answer();
      await until('one is answered, another hangs', async () => {
        const { body } = await client.request<BatchView>(`/v1/batches/${batch.id}`);
        return body.request_counts.completed === 1 && calls.some((call) => !call.answered);
      });
      expect((await admin().request(`/keys/${made.key_id}`, { method: 'DELETE' })).status).toBe(200);
      const left = await ended(batch);
      expect(left).toMatchObject({ status: 'cancelled', errors: { data: [{ code: 'key_ended' }] } });
      const answers = await admin().request<{ text: string }>(`/v1/files/${left.output_file_id}/content`);
      expect(answers.body.text).toContain('answer to');
      await until('its calls are ended', () => calls.every((call) => call.answered || call.hungUp));
    });

    it('end it when they lose the role to submit, and nothing more is asked', async () => {
      open = false;
      calls.length = 0;
      const { keyId, key } = makeKey();
      await keep(keyId, key, { roles: ['submit'] });
      const client = beacon.client.as(key);
      await until('it is known', async () => (await statusAt(beacon.url, key)) === 200);
      const batch = await batchOf(client, ['answered', 'hangs', 'never asked']);
      await until('a line is asked', () => calls.length > 0);
      await changeKeysFile(path, (file) => ({
        file: {
          ...file,
          keys: file.keys.map((each) => (each.key_id === keyId ? { ...each, roles: ['read'] } : each)),
        },
        result: undefined,
      }));
      const left = await ended(batch);
      expect(left).toMatchObject({ status: 'cancelled', errors: { data: [{ code: 'key_may_not_submit' }] } });
      await until('its calls are ended', () => calls.every((call) => call.answered || call.hungUp));
      const { rows } = await beacon.database.query(
        `SELECT FROM jobs WHERE key_id = $1 AND state NOT IN ('cancelled', 'completed')`,
        [keyId],
      );
      expect(rows).toEqual([]);
      // It may still read what became of it.
      expect((await client.request(`/v1/batches/${batch.id}`)).status).toBe(200);
    });
  });

  it('are valid after a rotation for as long as they would have been', async () => {
    const old = await create(['read'], { expires_in_s: 3600 });
    const { body } = await admin().request<KeyCreatedView>(`/keys/${old.key_id}/rotate`, { json: {} });
    // Of an hour; what is left of it is counted in whole seconds, when the request comes.
    const laterMs = Date.parse(body.expires_at ?? '') - Date.parse(old.expires_at ?? '');
    expect(Math.abs(laterMs)).toBeLessThan(60_000);
  });

  it('that are revoked by a transaction which commits late end all the same', async () => {
    const [early, late] = [await create(['read']), await create(['read'])];
    await beacon.database.transaction(async (client) => {
      // It commits when the spec is done, however long that takes.
      await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
      await revokeApiKey(client, late.key_id);
      await admin().request(`/keys/${early.key_id}`, { method: 'DELETE' });
      await refusedEverywhere(early.key);
      expect(await statusAt(beacon.url, late.key)).toBe(200);
    });
    await refusedEverywhere(late.key);
  });

  it('expire', async () => {
    const made = await create(['read'], { expires_in_s: 3600 });
    expect(await statusAt(beacon.url, made.key)).toBe(200);
    // Its time is nearly over once it was seen to be valid, however long a busy machine took for that.
    await beacon.database.query(
      `UPDATE api_keys SET expires_at = clock_timestamp() + interval '1 second' WHERE key_id = $1`,
      [made.key_id],
    );
    await refusedEverywhere(made.key);
    const reply = await beacon.client.as(made.key).request('/keys/self');
    expect(reply.body['detail']).toMatch(/has expired/);
  });

  it('of the file come and go with the file; one that cannot be used leaves those that were', async () => {
    const { keyId, key } = makeKey();
    await keep(keyId, key);
    await until('it is known', async () => (await statusAt(beacon.url, key)) === 200);
    const good = await readFile(path, 'utf8');
    await writeFile(path, '{"keys": [');
    await new Promise((resolve) => setImmediate(resolve));
    expect((await admin().request('/keys')).status).toBe(200);
    expect(await statusAt(beacon.url, key)).toBe(200);
    await writeFile(path, good);

    const rotated = await admin().request(`/keys/${keyId}/rotate`, { json: {} });
    expect(rotated).toMatchObject({ status: 409, body: { code: 'KEY_IN_FILE' } });
    // Revoked over HTTP it stays revoked, whatever the file says.
    expect((await admin().request(`/keys/${keyId}`, { method: 'DELETE' })).status).toBe(200);
    await refusedEverywhere(key);

    const second = makeKey();
    await keep(second.keyId, second.key);
    await until('the second is known', async () => (await statusAt(other.url, second.key)) === 200);
    const run = { name: 'r', questions: [{ id: 'q', text: 'x' }], models: ['m'], regions: ['US'] };
    const { body } = await other.client.as(second.key).request<{ run_id: string }>('/runs', { json: run });
    const events = await fetch(`${other.url}/runs/${body.run_id}/events`, {
      headers: { authorization: `Bearer ${second.key}` },
    });
    const cut = events.text().then(
      () => 'ended',
      () => 'cut',
    );
    await writeFile(path, good);
    await refusedEverywhere(second.key);
    expect(await cut).toBe('cut');
  });

  it.each([
    [{ roles: ['submit'] }, 'name'],
    [{ name: 'x', roles: [] }, 'roles'],
    [{ name: 'x', roles: ['root'] }, 'roles[0]'],
    [{ name: 'x y', roles: ['read'] }, 'tenant'],
    [{ name: 'x', roles: ['read'], tenant: '../x' }, 'tenant'],
    [{ name: 'x', roles: ['read'], limits: { rate: 1 } }, 'limits.rate'],
    [{ name: 'x', roles: ['read'], expires_in_s: 0 }, 'expires_in_s'],
  ])('are not made from %j', async (json, field) => {
    const reply = await admin().request<{ errors: { field: string }[] }>('/keys', { json });
    expect(reply.status).toBe(400);
    expect(reply.body.errors.map((error) => error.field)).toContain(field);
  });

  it('are no use to a page of an origin that is not allowed', async () => {
    const asked = (origin: string) =>
      beacon.client.request('/runs', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    const allowed = await asked('https://console.example.org');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://console.example.org');
    const foreign = await asked('https://evil.example.org');
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('come with answers that browsers and caches keep to themselves', async () => {
    const { headers } = await admin().request('/queue/status');
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(headers.get('x-powered-by')).toBeNull();
  });
});

describe('a server without keys', () => {
  it('makes none, and says why', async () => {
    const beacon = await startBeacon({ configuration: deploymentOf({ m: ['US'] }), dispatchers: [] });
    try {
      const reply = await beacon.client.request('/keys', { json: { name: 'x', roles: ['read'] } });
      expect(reply).toMatchObject({ status: 409, body: { code: 'KEYS_NOT_IN_FORCE' } });
      const self = await beacon.client.request('/keys/self');
      expect(self.body).toEqual({ key_id: null, tenant: 'local', roles: ['admin'], limits: {} });
    } finally {
      await beacon.stop();
    }
  });
});
