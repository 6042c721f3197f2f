import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon } from '#testing';
import { main } from '../main.js';
import { operationsLines } from './operations-view.js';

describe('the commands of operators', () => {
  let beacon: Beacon;
  let folder: string;
  let keyFile: string;
  const written: string[] = [];

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf({ m: ['US', 'EU'] }),
      keys: { 'key-of-ops': { roles: ['operate'] } },
    });
    folder = await mkdtemp(join(tmpdir(), 'beacon-operations-'));
    keyFile = join(folder, 'key');
    await writeFile(keyFile, 'key-of-ops\n');
    const keep = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    delete process.env['BEACON_API_KEY'];
    await beacon.stop();
    await rm(folder, { recursive: true });
  });

  async function run(...parameters: string[]) {
    written.length = 0;
    const exitCode = await main([...parameters, '--url', beacon.url]);
    return { exitCode, output: written.join('') };
  }

  it('pause an endpoint, show it with who and why, and take it back', async () => {
    const paused = await run('pause', 'US-m', '--reason', 'GPU fault', '--for', '600', '--key-file', keyFile);
    expect(paused).toMatchObject({ exitCode: 0 });
    expect(paused.output).toMatch(
      /^pause endpoint US-m: change 1, take it back with "beacon undo 1"\n {2}US-m: paused, 0 in flight\n/,
    );
    process.env['BEACON_API_KEY'] = 'key-of-ops';
    const shown = await run('operations');
    expect(shown.output).toMatch(
      /^paused: endpoint US-m, nothing in flight; by key-of-ops since \S+Z until \S+Z, GPU fault \(change 1\)\n$/,
    );
    const undone = await run('undo');
    expect(undone.output).toBe('pause endpoint:US-m: nothing is in force any more (change 2)\n');
    expect((await run('operations')).output).toBe('everything is as configured\n');
  });

  it('show the endpoints of a region by its name or alias, also as a document', async () => {
    expect((await run('endpoints', '--region', 'eu')).output).toMatch(/\nEU-m /);
    const { output } = await run('endpoints', '--region', 'eu-west', '--json');
    expect(JSON.parse(output)).toMatchObject({ providers: [{ id: 'EU-m' }] });
  });

  it('name the change once that an undo makes', async () => {
    await run('pause', 'US-m', '--reason', 'one');
    await run('pause', 'US-m', '--reason', 'two');
    expect((await run('undo')).output).toMatch(/in force again; [^(]*\(change \d+\)\n$/);
    await run('undo');
  });

  it('drain and resume a region by its alias', async () => {
    const drained = await run('drain', 'eu-west', '--json');
    expect(JSON.parse(drained.output)).toMatchObject({ target: { kind: 'region', id: 'EU' }, drained: true });
    expect((await run('resume', 'EU')).output).toMatch(/^resume region EU: change \d+/);
    expect((await run('resume', 'EU')).output).toMatch(/^region EU: there was nothing to change/);
  });

  it.each<[string[], number, RegExp]>([
    [['warm', 'US-m'], 1, /refused \(NOT_CONTROLLABLE\): .*autoscaler_url/],
    [
      ['pause', 'nowhere'],
      1,
      /refused \(UNKNOWN_REGION\): nowhere is neither an endpoint \(US-m, EU-m\) nor a region or an alias of one \(US, EU.*\)/,
    ],
    [['pause', 'US-m', '--region'], 1, /refused \(UNKNOWN_REGION\): region: must be one of/],
    [['endpoints', '--region', 'mars'], 1, /refused \(UNKNOWN_REGION\): region: must be one of US, EU/],
    [['undo', '99'], 1, /refused \(CHANGE_NOT_FOUND\)/],
    [['undo', 'all'], 64, /named by its number/],
    [['pause', 'US-m', '--for', 'ever'], 64, /number of seconds/],
    [['operations', '--key-file', '/no/such/file'], 66, /cannot be read/],
  ])('%j says why it does nothing', async (parameters, exitCode, output) => {
    expect(await run(...parameters)).toEqual({ exitCode, output: expect.stringMatching(output) });
  });

  it('cannot be fooled by a reason into writing lines of its own', () => {
    const by = { change_id: 1, by: 'x', since: 'now', until: null, reason: 'a\nmode: direct\u001b[2J' };
    const mode = { ...by, mode: 'direct' as const, region: null };
    const [line, ...more] = operationsLines({ pauses: [], warm: [], modes: [mode], settings: [] });
    expect(more).toEqual([]);
    expect(line).toBe('mode: direct; by x since now, a mode: direct [2J (change 1)');
  });
});
