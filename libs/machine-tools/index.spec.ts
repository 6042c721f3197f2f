import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findTool, isVersionFrom, keepTool, runApt, runTool, saysVersion } from './index.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'beacon tools-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function aTool(file: string, script: string): Promise<string> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

describe('a program of this machine', () => {
  it('is the first executable of that name on the PATH; folders and mere files are none', async () => {
    const folders = ['none', 'folder', 'file', 'first', 'second'].map((name) => join(home, name));
    const [, folder, file, first, second] = folders;
    await mkdir(join(folder!, 'tool'), { recursive: true });
    await mkdir(file!);
    await writeFile(join(file!, 'tool'), 'text');
    const expected = await aTool(join(first!, 'tool'), 'true');
    await aTool(join(second!, 'tool'), 'true');
    const environment = { PATH: ['', ...folders].join(delimiter) };
    expect(await findTool(environment, 'tool')).toBe(expected);
    expect(await findTool(environment, 'other')).toBeUndefined();
    expect(await findTool({}, 'tool')).toBeUndefined();
  });

  it('says its version on either stream', async () => {
    const tool = await aTool(join(home, 'tool'), 'echo "v2" >&2');
    expect(await saysVersion(tool, (answer) => answer === 'v2\n')).toBe(true);
    expect(await saysVersion(tool, () => false)).toBe(false);
    expect(await saysVersion(await aTool(join(home, 'ill'), 'echo v2; exit 1'), () => true)).toBe(false);
    expect(await saysVersion(join(home, 'none'), () => true)).toBe(false);
  });

  it.each([
    ['2.10.0', '2.9.10', true],
    ['2.9.10', '2.9.10', true],
    ['3.0.0', '2.42.0', true],
    ['2.9.9', '2.9.10', false],
    ['1.99.99', '2.0.0', false],
  ])('of version %s is as new as %s: %s', (version, oldest, isNew) => {
    const numbers = (text: string): number[] => text.split('.').map(Number);
    expect(isVersionFrom(numbers(version), numbers(oldest))).toBe(isNew);
  });

  it('that fails says why in its last line', async () => {
    const tool = await aTool(join(home, 'tool'), 'echo first >&2; echo last >&2; exit 3');
    await expect(runTool(tool, [], {})).rejects.toThrow(/^last$/);
  });

  // What apt 2.6 says, in this language: `install` waits as long as it is told to, `update` does not.
  it('that installs packages waits while another package manager is at work', async () => {
    const apt = await aTool(
      join(home, 'apt-get'),
      `echo "$LC_ALL $*" >> "${home}/calls"
      [ -e "${home}/free" ] && exit 0
      : > "${home}/free"
      echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)" >&2
      echo "E: Unable to lock directory /var/lib/apt/lists/" >&2
      exit 100`,
    );
    await runApt(apt, ['update', '-q'], { timeout: 60_000 });
    const call = 'C update -q -o DPkg::Lock::Timeout=300';
    expect(await readFile(join(home, 'calls'), 'utf8')).toBe(`${call}\n${call}\n`);
  });

  it('that may not use the packages fails at once', async () => {
    const apt = await aTool(
      join(home, 'apt-get'),
      `echo "E: Could not open lock file /var/lib/apt/lists/lock - open (30: Read-only file system)" >&2
      echo "E: Unable to lock directory /var/lib/apt/lists/" >&2
      exit 100`,
    );
    await expect(runApt(apt, ['update'], { timeout: 60_000 })).rejects.toThrow(/Unable to lock directory/);
  });

  it('is kept whole, or not at all', async () => {
    const path = join(home, 'kept', 'tool');
    await expect(
      keepTool(path, async (temporary) => {
        await writeFile(temporary, 'half');
        throw new Error('the disk is full');
      }),
    ).rejects.toThrow('the disk is full');
    expect(await readdir(join(home, 'kept'))).toEqual([]);
    expect(await keepTool(path, (temporary) => writeFile(temporary, '#!/bin/sh\necho it\n'))).toBe(path);
    expect(await readFile(path, 'utf8')).toContain('echo it');
    expect(await runTool(path, [], {})).toBe('it\n');
  });
});
