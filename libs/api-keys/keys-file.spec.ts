import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hashKey, makeKey, makePepper } from './api-key.js';
import { KeysFileError, changeKeysFile, parseKeysFile, readKeysFile, type StoredKey } from './keys-file.js';

const PEPPER = makePepper();

function aKey(changes: Partial<StoredKey> = {}): StoredKey {
  const { keyId, key } = makeKey();
  return {
    ...{ key_id: keyId, name: 'n', tenant: 't', roles: ['read'], limits: {}, hash: hashKey(key, PEPPER) },
    ...{ created_at: '2026-01-01T00:00:00Z', expires_at: null, revoked_at: null, replaces: null },
    ...changes,
  };
}

describe('a keys file', () => {
  let folder: string;
  let count = 0;
  const fresh = (): string => join(folder, `${(count += 1)}.json`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon-keys-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is made by its first key, for its owner alone, and read as it was written', async () => {
    const path = fresh();
    const key = aKey();
    await changeKeysFile(path, (file) => ({ file: { ...file, keys: [key] }, result: undefined }));
    const { mode } = await stat(path);
    expect(mode & 0o777).toBe(0o600);
    expect((await readKeysFile(path)).keys).toEqual([key]);
    expect(await readdir(folder)).toEqual([path.slice(folder.length + 1)]);
  });

  it('keeps its pepper, and everything when a change fails', async () => {
    const path = fresh();
    const add = (key: StoredKey) =>
      changeKeysFile(path, (file) => ({ file: { ...file, keys: [...file.keys, key] }, result: file.pepper }));
    expect(await add(aKey())).toBe(await add(aKey()));
    const before = await readFile(path, 'utf8');
    const failing = changeKeysFile(path, () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await readFile(path, 'utf8')).toBe(before);
    await add(aKey());
    expect((await readKeysFile(path)).keys).toHaveLength(3);
  });

  it('loses nothing to two that change it at once: one is refused', async () => {
    const path = fresh();
    const add = () =>
      changeKeysFile(path, (file) => ({ file: { ...file, keys: [...file.keys, aKey()] }, result: 1 }));
    await add();
    const results = await Promise.allSettled(Array.from({ length: 10 }, add));
    const done = results.filter(({ status }) => status === 'fulfilled').length;
    expect(done).toBeGreaterThan(0);
    expect((await readKeysFile(path)).keys).toHaveLength(1 + done);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(KeysFileError);
  });

  it.each([
    ['no JSON', 'pepper: x', /is not JSON/],
    ['no pepper', JSON.stringify({ keys: [] }), /pepper/],
    ['a short pepper', JSON.stringify({ pepper: 'c2hvcnQ=', keys: [] }), /pepper: must be base64/],
    [
      'a key in the clear',
      JSON.stringify({ pepper: PEPPER, keys: [{ ...aKey(), key: 'bk_SECRET' }] }),
      /keys\.0/,
    ],
    ['an unknown role', JSON.stringify({ pepper: PEPPER, keys: [{ ...aKey(), roles: ['root'] }] }), /roles/],
    [
      'an unknown limit',
      JSON.stringify({ pepper: PEPPER, keys: [aKey({ limits: { rate: 1 } as never })] }),
      /limits/,
    ],
    [
      'a key twice',
      JSON.stringify({
        pepper: PEPPER,
        keys: [aKey({ key_id: 'bk_abcdefghijkl' }), aKey({ key_id: 'bk_abcdefghijkl' })],
      }),
      /twice/,
    ],
  ])('is refused with %s, by a message that prints no secret', (_title, text, message) => {
    const parse = (): unknown => parseKeysFile(text, 'keys.json');
    expect(parse).toThrow(KeysFileError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/SECRET|c2hvcnQ/);
  });

  it('that is not there is said to be missing', async () => {
    await expect(readKeysFile(fresh())).rejects.toThrow(/cannot be read \(ENOENT\)/);
  });

  it('left locked by whoever died says so', async () => {
    const path = fresh();
    await writeFile(`${path}.lock`, '');
    const change = changeKeysFile(path, (file) => ({ file, result: undefined }));
    await expect(change).rejects.toThrow(/\.lock cannot be made: somebody else changes the keys now/);
  });
});
