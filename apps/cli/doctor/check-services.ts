import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { isPortFree } from '#embedded-services';
import { DEFAULT_PORT } from '#config';
import { z } from 'zod';
import { causeOf } from '../router-api.js';
import { finding, type Finding } from './finding.js';

type Environment = Readonly<Record<string, string | undefined>>;

const NODE_LEAST = [20, 19];
const NATS_LEAST = [2, 9, 10];
const TIMEOUT_MS = 5000;
const POSTGRES_PORT = 5432;
const NATS_PORT = 4222;
/** SSLRequest: eight bytes that a Postgres answers with one, before anybody has said who they are. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** What this machine needs for `beacon up`, and what it is told to use in its place. */
export async function checkServices(environment: Environment): Promise<Finding[]> {
  const { DATABASE_URL: databaseUrl = '', NATS_URL: natsUrl = '' } = environment;
  const findings = await Promise.all([
    databaseUrl === '' ? Promise.resolve([]) : checkDatabase(databaseUrl),
    natsUrl === '' ? Promise.resolve([]) : checkNats(natsUrl),
    checkPort(environment),
    checkDataFolder(environment['BEACON_DATA_DIR'] || '.beacon'),
  ]);
  return [...checkNode(process.versions.node), ...findings.flat()];
}

export function checkNode(version: string): Finding[] {
  if (!isBelow(version, NODE_LEAST)) return [];
  return [
    finding('node_old', {}, `Node.js ${version} is too old`, `install ${NODE_LEAST.join('.')} or later`),
  ];
}

async function checkDatabase(url: string): Promise<Finding[]> {
  const setting = 'DATABASE_URL';
  if (!URL.canParse(url)) return [];
  const { hostname, port } = new URL(url);
  const address = `${hostname}:${port || POSTGRES_PORT}`;
  try {
    const [first] = await talk(hostname, Number(port || POSTGRES_PORT), (socket) =>
      socket.write(SSL_REQUEST),
    );
    if (first !== 'S' && first !== 'N') throw new Error('it is not Postgres');
    return [];
  } catch (error) {
    const what = `no Postgres answers at ${address} (${reasonOf(error)})`;
    const cure = 'start it, or correct DATABASE_URL; without DATABASE_URL Beacon starts one of its own';
    return [finding('database_unreachable', { setting, address }, what, cure)];
  }
}

const natsInfoSchema = z.object({ version: z.string(), jetstream: z.boolean().default(false) });

async function checkNats(url: string): Promise<Finding[]> {
  const setting = 'NATS_URL';
  if (!URL.canParse(url)) return [];
  const { hostname, port } = new URL(url);
  const where = { setting, address: `${hostname}:${port || NATS_PORT}` };
  try {
    // A server says what it is before anybody has said who they are.
    const text = await talk(hostname, Number(port || NATS_PORT), () => undefined);
    const info = natsInfoSchema.parse(JSON.parse(text.replace(/^INFO /, '').split('\r\n')[0] ?? ''));
    const findings: Finding[] = [];
    if (isBelow(info.version, NATS_LEAST)) {
      const what = `nats-server ${info.version.slice(0, 20)} is too old`;
      findings.push(finding('nats_unsuitable', where, what, `install ${NATS_LEAST.join('.')} or later`));
    }
    if (!info.jetstream) {
      const what = 'nats-server runs without JetStream, which carries tickets and outcomes';
      findings.push(finding('nats_unsuitable', where, what, 'start it with --jetstream and a --store_dir'));
    }
    return findings;
  } catch (error) {
    const what = `no nats-server answers at ${where.address} (${reasonOf(error)})`;
    const cure = 'start it, or correct NATS_URL; without NATS_URL Beacon starts one of its own';
    return [finding('nats_unreachable', where, what, cure)];
  }
}

async function checkPort(environment: Environment): Promise<Finding[]> {
  const asked = environment['BEACON_PORT'] ?? '';
  const port = Number(asked || DEFAULT_PORT);
  const host = environment['BEACON_HOST'] || '127.0.0.1';
  // The default gives way to a free port; one that was asked for does not.
  if (asked === '' || port === 0 || !Number.isInteger(port) || port > 65_535) return [];
  if (await isPortFree(port, host).catch(() => true)) return [];
  const what = `port ${port} is taken: a start would be refused`;
  const cure = 'nothing, where Beacon is running there already; else choose another BEACON_PORT';
  return [finding('port_taken', { setting: 'BEACON_PORT' }, what, cure)];
}

async function checkDataFolder(path: string): Promise<Finding[]> {
  const folder = resolve(path);
  try {
    // Where it is not there yet, it is made in the nearest folder that is. Rights do not tell whether that will do: a
    // disk may be full or read-only, and /proc lets nobody make anything.
    const trial = await mkdtemp(join(await nearestFolder(folder), '.doctor-'));
    await rm(trial, { recursive: true });
    return [];
  } catch (error) {
    const what = `the data folder ${folder} cannot be made or written (${reasonOf(error)})`;
    const cure = 'choose another with BEACON_DATA_DIR, or give this user the right to write there';
    return [finding('data_folder_unusable', { setting: 'BEACON_DATA_DIR' }, what, cure)];
  }
}

async function nearestFolder(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isDirectory()) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' });
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return nearestFolder(dirname(path));
  }
}

/** @returns the first that the other side says */
function talk(host: string, port: number, begin: (socket: Socket) => unknown): Promise<string> {
  return new Promise((resolvePromise, reject) => {
    const socket = connectTcp({ host: host.replace(/^\[|\]$/g, ''), port });
    const end = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.setTimeout(TIMEOUT_MS, () => end(() => reject(new Error('it does not answer'))));
    socket.once('error', (error) => end(() => reject(error)));
    socket.once('close', () => reject(new Error('it hung up')));
    socket.once('connect', () => begin(socket));
    socket.once('data', (data) => end(() => resolvePromise(data.toString('latin1'))));
  });
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined) return causeOf(error);
  return error instanceof SyntaxError || error instanceof z.ZodError
    ? 'something else answers there'
    : (error as Error).message;
}

function isBelow(version: string, least: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, wanted] of least.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part < wanted;
  }
  return false;
}
