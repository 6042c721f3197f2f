import { spawn } from 'node:child_process';
import { chown, lchown, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceStartError } from '../service-error.js';
import type { PostgresBinaries } from './binaries.js';

/**
 * Postgres refuses to run as root, and initdb refuses a user that /etc/passwd does not know. A way to run says how
 * to start a program as someone it accepts, and who must own the files for that.
 */
export interface WayToRun {
  readonly name: 'as is' | 'plain' | 'setpriv' | 'unshare';
  /** Goes before the program: exec-style wrappers, so the pid stays that of the spawned child. */
  readonly wrapper: readonly string[];
  /** Passed to `spawn`. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
  /** Owner of the data folder as seen from outside; `undefined`: leave it as it is. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const AS_IS: WayToRun = { name: 'as is', wrapper: [], identity: {}, owner: undefined };

/**
 * @param folder empty or existing data folder; ownership is adjusted to the way that is found
 * @throws ServiceStartError where this user has no way to run Postgres here
 */
export async function findWayToRun(binaries: PostgresBinaries, folder: string): Promise<WayToRun> {
  const uid = process.geteuid?.();
  if (uid === undefined) return AS_IS;
  const accounts = await readAccounts();
  if (uid !== 0 && (process.platform !== 'linux' || accounts.some((account) => account.uid === uid)))
    return AS_IS;
  const account = await chooseAccount(accounts, folder);
  if (account !== undefined) {
    for (const way of uid === 0 ? waysForRoot(account) : [unshare(account, undefined)]) {
      if (way.owner !== undefined) await giveTo(folder, way.owner.uid, way.owner.gid);
      if (await works(way, binaries, folder)) return way;
    }
  }
  const reason = uid === 0 ? 'Postgres does not run as root' : `user id ${uid} has no entry in /etc/passwd`;
  throw new ServiceStartError(
    'postgres',
    `${reason}, and no other way works here (tried another user, setpriv, unshare): ` +
      'start Beacon as an ordinary user, or set DATABASE_URL to use a Postgres server of yours',
  );
}

/** Simplest first. The second and third serve folders under a parent that only root may enter. */
function waysForRoot({ name: _, uid, gid }: Account): readonly WayToRun[] {
  const owner = { uid, gid };
  return [
    { name: 'plain', wrapper: [], identity: { uid, gid }, owner },
    {
      name: 'setpriv',
      // Without no_setuid_fixup the kernel ignores the capability in access(2), by which Postgres finds itself.
      wrapper: [
        'setpriv',
        `--reuid=${uid}`,
        `--regid=${gid}`,
        '--clear-groups',
        '--inh-caps=+dac_override',
        '--ambient-caps=+dac_override',
        '--securebits=+no_setuid_fixup',
      ],
      identity: {},
      owner,
    },
    unshare({ name: '', uid, gid }, { uid: 0, gid: 0 }),
  ];
}

/** In a user namespace of its own the process is that user; outside it stays who it was, and so do its files. */
function unshare({ uid, gid }: Account, owner: WayToRun['owner']): WayToRun {
  const wrapper = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`];
  return { name: 'unshare', wrapper, identity: {}, owner };
}

/** The user that owns the data already, so that nothing changes hands; else `postgres`, else `nobody`. */
async function chooseAccount(accounts: readonly Account[], folder: string): Promise<Account | undefined> {
  const { uid: owner } = await stat(folder);
  const ordinary = accounts.filter(({ uid }) => uid !== 0);
  return (
    ordinary.find(({ uid }) => uid === owner) ??
    ordinary.find(({ name }) => name === 'postgres') ??
    ordinary.find(({ name }) => name === 'nobody')
  );
}

async function readAccounts(): Promise<Account[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/** Tries exactly what is needed: enter the folder, write in it, execute the binaries as a user that is not root. */
async function works(way: WayToRun, binaries: PostgresBinaries, folder: string): Promise<boolean> {
  const script =
    'test "$(id -u)" != 0 && : > "$1/.probe" && rm "$1/.probe" && "$2" --version && "$3" --version';
  return succeeds(way, ['/bin/sh', '-c', script, 'sh', folder, binaries.postgres, binaries.initdb]);
}

function succeeds(way: WayToRun, commandLine: readonly string[]): Promise<boolean> {
  const [program = '/bin/false', ...parameters] = [...way.wrapper, ...commandLine];
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { ...way.identity, cwd: '/', stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

async function giveTo(folder: string, uid: number, gid: number): Promise<void> {
  if ((await stat(folder)).uid === uid) return;
  for (const entry of await readdir(folder, { recursive: true })) await lchown(join(folder, entry), uid, gid);
  // The folder itself last: an interrupted change of owner starts over.
  await chown(folder, uid, gid);
}
