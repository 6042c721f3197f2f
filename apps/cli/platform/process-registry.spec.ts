import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyProcess } from '#embedded-services';
import { ProcessRegistry } from './process-registry.js';

describe('what a killed start left behind', () => {
  let home: string;
  let path: string;
  let left: ChildProcess;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'beacon registry-'));
    path = join(home, 'processes.json');
    left = spawn('sleep', ['300']);
  });
  afterEach(async () => {
    left.kill('SIGKILL');
    await rm(home, { recursive: true, force: true });
  });

  it('is stopped by the next start, once', async () => {
    await new ProcessRegistry(path).record('router', left.pid!);
    const next = new ProcessRegistry(path);
    expect(await next.stopLeftovers()).toEqual(['router']);
    expect(await identifyProcess(left.pid!)).toBeUndefined();
    expect(await next.stopLeftovers()).toEqual([]);
  });

  it('is left alone where the pid belongs to another process by now', async () => {
    await new ProcessRegistry(path).record('router', left.pid!);
    const written = JSON.parse(await readFile(path, 'utf8')) as { router: { start_time: string } };
    written.router.start_time = '1';
    await writeFile(path, JSON.stringify(written));
    expect(await new ProcessRegistry(path).stopLeftovers()).toEqual([]);
    expect(await identifyProcess(left.pid!)).toBeDefined();
  });
});
