import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispatcherPermissions, loadNatsUsers } from './nats-users.js';

describe('the users of the nats-server', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon users-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('keep their passwords over restarts, in a file for the owner only', async () => {
    const file = join(home, 'users.json');
    const first = await loadNatsUsers(file, ['US']);
    const second = await loadNatsUsers(file, ['US', 'EU']);
    expect(second.full).toEqual(first.full);
    expect(second.dispatchers.get('US')).toEqual(first.dispatchers.get('US'));
    const passwords = [second.full, ...second.dispatchers.values()].map(({ password }) => password);
    expect(new Set(passwords).size).toBe(3);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('hold a dispatcher to its own region', () => {
    const { publish, subscribe } = dispatcherPermissions('US');
    expect(publish).toContain('beacon.outcomes.US.>');
    expect(
      [...publish, ...subscribe].filter((subject) => /^(>|beacon\.(>|\*|dispatch))/.test(subject)),
    ).toEqual([]);
  });
});
