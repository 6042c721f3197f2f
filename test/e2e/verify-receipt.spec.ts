import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deploymentOf, startBeacon, type Beacon } from '#testing';

const COMMAND = 'apps/cli/bin/beacon.js';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function verifyReceipt(...parameters: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [COMMAND, 'verify-receipt', ...parameters],
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe('beacon verify-receipt', () => {
  let beacon: Beacon;
  let folder: string;
  const [receipt, key, results] = ['receipt.json', 'key.json', 'results.jsonl'];
  const inFolder = (name: string): string => join(folder, name);
  const save = async (path: string, name: string): Promise<void> => {
    const response = await fetch(beacon.url + path);
    expect(response.status).toBe(200);
    await writeFile(inFolder(name), Buffer.from(await response.arrayBuffer()));
  };

  beforeAll(async () => {
    beacon = await startBeacon({ configuration: deploymentOf({ m: ['US', 'EU'] }) });
    // Builds what is stale, which it would say on stderr later.
    expect(await verifyReceipt('--help')).toMatchObject({ code: 0 });
    folder = await mkdtemp(join(tmpdir(), 'beacon-receipt-'));
    const response = await fetch(`${beacon.url}/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        questions: [{ id: 'q1', text: 'Why?' }],
        models: ['m'],
        regions: ['US', 'EU'],
      }),
    });
    const body = (await response.json()) as { run_id: string };
    await save(`/runs/${body.run_id}/receipt`, receipt);
    await save(`/runs/${body.run_id}/results?format=jsonl`, results);
    await save('/receipts/key', key);
  });
  afterAll(async () => {
    await beacon.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('finds that a receipt holds, and says that its run had not ended', async () => {
    const ended = await verifyReceipt(
      inFolder(receipt),
      '--key',
      inFolder(key),
      '--results',
      inFolder(results),
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toContain('The run had NOT ended');
    expect(ended.stdout).toContain('2 cells: 0 answered by their own region, 0 by another, 2 missing.');
    expect(ended.stdout).toContain('Signed with the key that was given');
  });

  it('takes the key as it stands in the answer, and says what a receipt is worth without one', async () => {
    const { public_key: base64 } = JSON.parse(await readFile(inFolder(key), 'utf8')) as {
      public_key: string;
    };
    expect(await verifyReceipt(inFolder(receipt), '--key', base64)).toMatchObject({ code: 0 });
    expect((await verifyReceipt(inFolder(receipt))).stdout).toContain('which the receipt itself names');
  });

  it('ends with 65 and names the faults where a receipt was tampered with', async () => {
    const text = await readFile(inFolder(receipt), 'utf8');
    await writeFile(inFolder('forged.json'), text.replace('"pending":2', '"pending":1'));
    const ended = await verifyReceipt(inFolder('forged.json'));
    expect(ended.code).toBe(65);
    expect(ended.stdout).toContain('- the signature does not fit the receipt');
    expect(ended.stdout).toContain('- counts.pending is 1; the cells make 2');
    expect(ended.stderr).toMatch(/^beacon: .*forged\.json does not hold: 2 faults, listed above\n$/);
  });

  it.each([
    ['a file that is not there', 66, ['missing.json']],
    ['no file at all', 64, []],
    ['a key that is none', 64, [receipt, '--key', 'nonsense']],
  ])('ends with one line for %s and with %d', async (_what, code, [file, ...more]) => {
    const ended = await verifyReceipt(...(file === undefined ? [] : [inFolder(file)]), ...more);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(/^beacon: [^\n]+\n$/);
  });
});
