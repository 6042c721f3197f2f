import {
  KeysFileError,
  changeKeysFile,
  hashKey,
  makeKey,
  readKeysFile,
  type KeysFile,
  type StoredKey,
} from '#api-keys';
import {
  keyCreatedSchema,
  keyListSchema,
  keyLimitsSchema,
  keyRequestSchema,
  keyRotationSchema,
  keySelfSchema,
  keyViewSchema,
  type KeySelfView,
} from '#contracts';
import { ROLES } from '#domain';
import type { BodyOf } from '#router-client';
import { Option, type Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_FAILED, EXIT_INVALID, EXIT_USAGE } from '../exit-codes.js';
import { askRouter, withRouterOptions, type Answered, type RouterOptions } from '../router-api.js';
import { print } from '../terminal/output.js';
import { sheet, type SheetStep } from '../terminal/sheet.js';
import { terminalOf } from '../terminal/terminal.js';

const DESCRIPTION =
  'make, list, rotate and revoke API keys: in a keys file (--file or BEACON_API_KEYS_FILE), which is how the first one is ' +
  'made, or at a running router (--url), with a key that has the role admin';

interface KeyOptions extends Partial<RouterOptions> {
  readonly file?: string;
}

interface CreateOptions extends KeyOptions {
  readonly name: string;
  readonly role: string[];
  readonly tenant?: string;
  readonly limits?: string;
  readonly expiresInS?: string;
}

interface RotateOptions extends KeyOptions {
  readonly overlapS: string;
}

export function registerKeys(program: Command): void {
  const keys = program.command('keys').description(DESCRIPTION);
  place(
    keys
      .command('create')
      .description('make a key and print it: this is the only time')
      .requiredOption('--name <name>', 'what it is for')
      .addOption(new Option('--role <role...>', 'what it may do').choices([...ROLES]).makeOptionMandatory())
      .option('--tenant <tenant>', 'keys of one tenant see each other’s jobs and runs (default: the name)')
      .option('--limits <json>', 'what it may not go beyond, as POST /keys takes it')
      .option('--expires-in-s <seconds>', 'how long it is valid (default: until it is revoked)'),
  ).action(async (options: CreateOptions, command: Command) => {
    const request = requestOf(options);
    const made = await at<MadeKey>(command, options, {
      file: (path) => createInFile(path, request),
      router: (router) =>
        askRouter(
          router,
          (api) => api.POST('/keys', { body: request as BodyOf<'/keys', 'post'> }),
          keyCreatedSchema,
          {
            refused: 'the key is refused',
          },
        ),
    });
    printMade(options, made);
  });
  place(keys.command('list').description('all keys, also those that have ended')).action(
    async (options: KeyOptions, command: Command) => {
      const list = await at<{ keys: readonly ListedKey[] }>(command, options, {
        file: async (path) => ({ keys: (await readKeysFile(path)).keys.map(listed) }),
        router: (router) => askRouter(router, (api) => api.GET('/keys'), keyListSchema),
      });
      print(options, list, (answer) => listLines(answer.keys));
    },
  );
  withRouterOptions(keys.command('self').description('what the key may do that you come with')).action(
    async (options: RouterOptions) => {
      print(options, await askRouter(options, (api) => api.GET('/keys/self'), keySelfSchema), selfLines);
    },
  );
  place(
    keys.command('revoke').description('end a key: within a second it opens nothing').argument('<key-id>'),
  ).action(async (keyId: string, options: KeyOptions, command: Command) => {
    const revoked = await at<ListedKey>(command, options, {
      file: (path) => revokeInFile(path, keyId),
      router: (router) =>
        askRouter(
          router,
          (api) => api.DELETE('/keys/{key_id}', { params: { path: { key_id: keyId } } }),
          keyViewSchema,
          { refused: 'the key is not revoked' },
        ),
    });
    print(options, revoked, ({ key_id: id, name }) => [`${id} (${name}) is revoked`]);
  });
  place(
    keys
      .command('rotate')
      .description('make a key that takes over from this one, which goes on for a while')
      .argument('<key-id>')
      .option('--overlap-s <seconds>', 'how long the old key goes on', '86400'),
  ).action(async (keyId: string, options: RotateOptions, command: Command) => {
    const body = checked(keyRotationSchema, { overlap_s: Number(options.overlapS) });
    const made = await at<MadeKey>(command, options, {
      file: (path) => rotateInFile(path, keyId, body.overlap_s),
      router: (router) =>
        askRouter(
          router,
          (api) =>
            api.POST('/keys/{key_id}/rotate', {
              ...{ params: { path: { key_id: keyId } }, body: { overlap_s: body.overlap_s } },
            }),
          keyCreatedSchema,
          { refused: 'the key is not rotated' },
        ),
    });
    printMade(options, made);
  });
}

/** What of a key is shown wherever it stands. */
type ListedKey = Pick<
  StoredKey,
  'key_id' | 'name' | 'tenant' | 'roles' | 'limits' | 'created_at' | 'expires_at' | 'revoked_at' | 'replaces'
>;
type MadeKey = ListedKey & { readonly key: string; readonly webhook_secret?: string | null };

function place(command: Command): Command {
  return withRouterOptions(command).option(
    '--file <file>',
    'a keys file on this machine (BEACON_API_KEYS_FILE)',
  );
}

/** A router that is named goes before a file of the environment; a file that is named, before everything. */
async function at<T>(
  command: Command,
  options: KeyOptions,
  ways: { file: (path: string) => Promise<T>; router: (router: RouterOptions) => Promise<Answered<T>> },
): Promise<Answered<T>> {
  const isUrlGiven = command.getOptionValueSource('url') === 'cli';
  const path = options.file ?? (isUrlGiven ? undefined : process.env['BEACON_API_KEYS_FILE']);
  if (path === undefined) return ways.router({ url: options.url ?? '', ...keyFileOf(options) });
  try {
    const answer = await ways.file(path);
    return { document: answer, answer };
  } catch (error) {
    if (!(error instanceof KeysFileError)) throw error;
    throw new CommandError(error.message, EXIT_INVALID, { cause: error });
  }
}

function keyFileOf({ keyFile }: KeyOptions): Pick<RouterOptions, 'keyFile'> {
  return keyFile === undefined ? {} : { keyFile };
}

function requestOf({ name, role, tenant, limits, expiresInS }: CreateOptions) {
  return checked(keyRequestSchema, {
    name,
    roles: role,
    ...(tenant === undefined ? {} : { tenant }),
    ...(limits === undefined ? {} : { limits: parsedLimits(limits) }),
    ...(expiresInS === undefined ? {} : { expires_in_s: Number(expiresInS) }),
  });
}

function parsedLimits(text: string): unknown {
  try {
    return checked(keyLimitsSchema, JSON.parse(text));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError('--limits is not JSON', EXIT_USAGE, { cause: error });
  }
}

function checked<Schema extends typeof keyRequestSchema | typeof keyRotationSchema | typeof keyLimitsSchema>(
  schema: Schema,
  value: unknown,
) {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as ReturnType<Schema['parse']>;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new CommandError(faults.join('; '), EXIT_USAGE);
}

async function createInFile(path: string, request: ReturnType<typeof requestOf>): Promise<MadeKey> {
  return changeKeysFile(path, (file) => {
    const { name, roles, limits, tenant = name, expires_in_s: expiresInS } = request;
    return withNewKey(file, {
      ...{ name, tenant, roles, limits, replaces: null },
      expires_at: expiresInS === undefined ? null : inSeconds(expiresInS),
    });
  });
}

async function revokeInFile(path: string, keyId: string): Promise<ListedKey> {
  return changeKeysFile(path, (file) => {
    const key = keyIn(file, keyId);
    const revoked = { ...key, revoked_at: key.revoked_at ?? inSeconds(0) };
    return { file: withKey(file, revoked), result: listed(revoked) };
  });
}

async function rotateInFile(path: string, keyId: string, overlapS: number): Promise<MadeKey> {
  return changeKeysFile(path, (file) => {
    const old = keyIn(file, keyId);
    if (old.revoked_at !== null) throw new KeysFileError(`${keyId} was revoked: make a new one`);
    const { name, tenant, roles, limits } = old;
    const retired = { ...old, expires_at: earlier(old.expires_at, inSeconds(overlapS)) };
    const fresh = { ...{ name, tenant, roles, limits, expires_at: old.expires_at }, replaces: keyId };
    return withNewKey(withKey(file, retired), fresh);
  });
}

function withNewKey(
  file: KeysFile,
  given: Omit<StoredKey, 'key_id' | 'hash' | 'created_at' | 'revoked_at'>,
): { file: KeysFile; result: MadeKey } {
  const { keyId, key } = makeKey();
  const stored: StoredKey = {
    ...{ key_id: keyId, ...given },
    ...{ hash: hashKey(key, file.pepper), created_at: inSeconds(0), revoked_at: null },
  };
  return { file: { ...file, keys: [...file.keys, stored] }, result: { ...listed(stored), key } };
}

function withKey(file: KeysFile, key: StoredKey): KeysFile {
  return { ...file, keys: file.keys.map((each) => (each.key_id === key.key_id ? key : each)) };
}

function keyIn({ keys }: KeysFile, keyId: string): StoredKey {
  const key = keys.find((each) => each.key_id === keyId);
  if (key === undefined) throw new CommandError(`the file has no key ${keyId}`, EXIT_FAILED);
  return key;
}

function listed({ hash: _hash, ...key }: StoredKey): ListedKey {
  return key;
}

function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

function earlier(left: string | null, right: string): string {
  return left !== null && Date.parse(left) < Date.parse(right) ? left : right;
}

/** The key alone on stdout: `KEY=$(beacon keys create ...)` holds it. What is said of it goes to people. */
function printMade(options: KeyOptions, made: Answered<MadeKey>): void {
  const { key, key_id: keyId, tenant, roles, webhook_secret: secret } = made.answer;
  print(options, made, () => [key]);
  if (options.json === true) return;
  const said = [
    `  ${keyId} of tenant ${tenant}: ${roles.join(', ')}. It is shown this once, and kept nowhere.`,
    ...(secret === null || secret === undefined ? [] : [`  its tenant’s webhooks are signed with ${secret}`]),
  ];
  process.stderr.write(`${said.join('\n')}\n`);
}

const LIST_STEPS: readonly SheetStep[] = [
  ...[{ drop: 'made' }, { shorten: 'name', to: 12 }, { shorten: 'tenant', to: 12 }, { drop: 'tenant' }],
  ...[
    { shorten: 'roles', to: 12 },
    { shorten: 'state', to: 8 },
  ],
];

function listLines(keys: readonly ListedKey[]): readonly string[] {
  return sheet(
    ['key', 'name', 'tenant', 'roles', 'state', 'made'],
    keys.map((key) => [
      ...[key.key_id, key.name, key.tenant, key.roles.join(' '), stateOf(key), key.created_at],
    ]),
    { room: terminalOf().room, steps: LIST_STEPS },
  );
}

function selfLines({ key_id: keyId, tenant, roles, limits }: KeySelfView): string[] {
  const own = Object.entries(limits).map(([name, value]) => `  ${name}: ${String(value)}`);
  return keyId === null
    ? ['the server has no keys: everybody may do everything']
    : [`${keyId} of tenant ${tenant}: ${roles.join(', ')}`, ...own];
}

function stateOf({ expires_at: expiresAt, revoked_at: revokedAt }: ListedKey): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt === null) return 'active';
  return Date.parse(expiresAt) <= Date.now() ? 'expired' : `until ${expiresAt}`;
}
