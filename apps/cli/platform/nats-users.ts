import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { subjects } from '#contracts';
import type { NatsPermissions, NatsUser } from '#embedded-services';

const PASSWORD_BYTES = 24;

export interface NatsUsers {
  /** The router's and the runner's. */
  readonly full: NatsUser;
  readonly dispatchers: ReadonlyMap<string, NatsUser>;
}

/**
 * One user with all rights, and one per region with what a dispatcher of that region needs. Passwords are random and
 * stay the same over restarts.
 * @param secretsFile made with mode 0600
 */
export async function loadNatsUsers(secretsFile: string, regions: readonly string[]): Promise<NatsUsers> {
  const known = await readSecrets(secretsFile);
  const passwordOf = (name: string): string =>
    (known[name] ??= randomBytes(PASSWORD_BYTES).toString('base64url'));
  const full = { name: 'beacon', password: passwordOf('beacon') };
  const dispatchers = new Map<string, NatsUser>();
  for (const region of regions) {
    const name = `dispatcher-${region}`;
    dispatchers.set(region, { name, password: passwordOf(name), permissions: dispatcherPermissions(region) });
  }
  await writeFile(`${secretsFile}.new`, JSON.stringify(known), { mode: 0o600 });
  await rename(`${secretsFile}.new`, secretsFile);
  return { full, dispatchers };
}

/** A dispatcher can neither speak for another region nor issue tickets. */
export function dispatcherPermissions(region: string): NatsPermissions {
  const token = subjects.subjectToken(region);
  return {
    publish: [
      `beacon.outcomes.${token}.>`,
      subjects.heartbeatSubject(region),
      subjects.startedSubject(region),
      subjects.TICKET_CHECK,
      subjects.LIFE_SUBJECT,
      // Streams, consumers and the bucket of running calls; JetStream's own replies: acks and flow control.
      '$JS.API.>',
      `$JS.ACK.${subjects.dispatchStream(region)}.>`,
      '$JS.FC.>',
      `$KV.${subjects.CALLS_BUCKET}.>`,
    ],
    subscribe: ['_INBOX.>', `beacon.control.${token}.>`, subjects.METRICS],
    respond: true,
  };
}

async function readSecrets(path: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
