import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { keyLimitsSchema, tenantSchema } from '#contracts';
import { ROLES } from '#domain';
import { z } from 'zod';
import { KEY_ID, makePepper } from './api-key.js';

const when = z.iso.datetime({ offset: true });

/** A key as it is kept, in the file as in the database. */
const storedKeySchema = z.strictObject({
  key_id: z.string().regex(KEY_ID, 'is not the id of a key'),
  name: z.string().min(1).max(128),
  tenant: tenantSchema,
  roles: z.array(z.enum(ROLES)).min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'is not a hash'),
  limits: keyLimitsSchema.default({}),
  created_at: when,
  expires_at: when.nullable().default(null),
  revoked_at: when.nullable().default(null),
  replaces: z.string().nullable().default(null),
});
export type StoredKey = z.infer<typeof storedKeySchema>;

const keysFileSchema = z.strictObject({
  /** Base64 of at least 32 bytes. Hashes of keys, also of those in the database, mean something with it alone. */
  pepper: z.string().refine((text) => {
    return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length >= 32;
  }, 'must be base64 of at least 32 bytes'),
  keys: z.array(storedKeySchema).max(10_000),
});
export type KeysFile = z.infer<typeof keysFileSchema>;

/** A keys file that cannot be used. Names what is wrong with it, never a value. */
export class KeysFileError extends Error {
  override readonly name = 'KeysFileError';
}

/** @throws KeysFileError where the file is not there, or is not one */
export async function readKeysFile(path: string): Promise<KeysFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new KeysFileError(`${path} cannot be read (${code ?? 'unknown error'})`, { cause: error });
  }
  return parseKeysFile(text, path);
}

/** @throws KeysFileError */
export function parseKeysFile(text: string, path: string): KeysFile {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new KeysFileError(`${path} is not JSON`);
  }
  const parsed = keysFileSchema.safeParse(document);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path: field, message }) => `${field.join('.')}: ${message}`);
    throw new KeysFileError(`${path} is not a keys file: ${faults.slice(0, 5).join('; ')}`);
  }
  const ids = parsed.data.keys.map(({ key_id }) => key_id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new KeysFileError(`${path} has the key ${twice} twice`);
  return parsed.data;
}

/**
 * Changes a keys file, or makes it. Readers see the file as it was or as it is, and two that change it at once do so
 * one after the other or are refused.
 * @throws KeysFileError
 */
export async function changeKeysFile<T>(
  path: string,
  change: (file: KeysFile) => { readonly file: KeysFile; readonly result: T },
): Promise<T> {
  const lockPath = `${path}.lock`;
  const lock = await takeLock(lockPath);
  try {
    const { file, result } = change(await readOrBegin(path));
    const text = `${JSON.stringify(file, null, 2)}\n`;
    parseKeysFile(text, path);
    await replaceFile(path, text);
    return result;
  } finally {
    await lock.close();
    await rm(lockPath, { force: true });
  }
}

async function takeLock(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'EEXIST' ? 'somebody else changes the keys now, or died while doing so' : (code ?? '');
    throw new KeysFileError(`${path} cannot be made: ${why}`, { cause: error });
  }
}

async function readOrBegin(path: string): Promise<KeysFile> {
  try {
    return await readKeysFile(path);
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    if ((cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') throw error;
    return { pepper: makePepper(), keys: [] };
  }
}

/** Only its owner may read it: whoever knows the pepper and a key's hash can tell a guess. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
