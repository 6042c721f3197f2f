import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createProgram } from '../program.js';
import { BASH_COMPLETION } from './bash-completion.js';

const FILES = ['run1.json', 'run1.yaml', 'two.yaml', 'with space.yaml'];
/** What is typed, with the key for completion, and the words that `beacon` is started with in the end. */
const TYPED: readonly (readonly [string, readonly string[]])[] = [
  ['beacon run two\t', ['run', 'two.yaml']],
  ['beacon run run1\t', ['run', 'run1.']],
  ['beacon run with\\ \t', ['run', 'with space.yaml']],
  ['beacon doctor --config two\t', ['doctor', '--config', 'two.yaml']],
  ['beacon doctor --config=two\t', ['doctor', '--config=two.yaml']],
  ['beacon jobs submit --policy pi\t', ['jobs', 'submit', '--policy', 'pin']],
  ['beacon jobs submit --policy=pi\t', ['jobs', 'submit', '--policy=pin']],
  ['beacon run two.yaml --det\t', ['run', 'two.yaml', '--detach']],
  ['A=1 beacon runs appr\t', ['runs', 'approve']],
  // Neither a command nor a file: nothing that is there is an id.
  ['beacon runs show tw\t', ['runs', 'show', 'tw']],
];

describe('completion in bash', () => {
  let server: Server;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon-bash-'));
    await Promise.all(FILES.map((name) => writeFile(join(folder, name), '')));
    await writeFile(join(folder, 'script.bash'), BASH_COMPLETION);
    // The program is not built here: what the script asks it is answered by this process.
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => void suggest(JSON.parse(text) as string[]).then((said) => response.end(said)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await writeFile(
      join(folder, 'ask.cjs'),
      `const options = { host: '127.0.0.1', port: ${port}, method: 'POST' };
       require('node:http').request(options, (answer) => answer.pipe(process.stdout))
         .end(JSON.stringify(process.argv.slice(2)));`,
    );
    await writeFile(
      join(folder, 'beacon'),
      `#!/bin/sh\nif [ "$1" = complete ]; then exec "$NODE" "$HOME/ask.cjs" "$@"; fi\nprintf '%s|' "$@" >> "$HOME/started"\necho >> "$HOME/started"\n`,
    );
    await chmod(join(folder, 'beacon'), 0o755);
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  async function suggest(words: readonly string[]): Promise<string> {
    let said = '';
    const print = jest.spyOn(console, 'log').mockImplementation((text: unknown) => {
      said += `${String(text)}\n`;
    });
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
    try {
      await createProgram(() => undefined).parseAsync(words, { from: 'user' });
      return said;
    } finally {
      print.mockRestore();
      write.mockRestore();
    }
  }

  /** An interactive bash reads keys from a pipe as from a terminal; in a session of its own it leaves that one alone. */
  function type(lines: readonly string[]): Promise<string> {
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: folder, NODE: process.execPath };
    const bash = spawn('bash', ['--norc', '--noprofile', '-i'], {
      ...{ cwd: folder, detached: true, env: { ...env, TERM: 'dumb', INPUTRC: '/dev/null', HISTFILE: '' } },
    });
    let shown = '';
    for (const stream of [bash.stdout, bash.stderr])
      stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    bash.stdin.end(lines.map((line) => `${line}\n`).join(''));
    return new Promise((resolve, reject) => {
      bash.once('error', reject);
      bash.once('close', () => resolve(shown));
    });
  }

  it('completes commands, values after a space or "=", and files as the shell does, without any package', async () => {
    // Sourced twice, as by a profile that is read again.
    const shown = await type([
      'source script.bash',
      'source script.bash',
      ...TYPED.map(([line]) => line),
      'beacon jobs submit --policy=p\t\t',
    ]);
    const started = (await readFile(join(folder, 'started'), 'utf8')).trimEnd().split('\n');
    expect(started.map((line) => line.split('|').slice(0, -1))).toEqual([
      ...TYPED.map(([, words]) => words),
      ['jobs', 'submit', '--policy=p'],
    ]);
    expect(shown).toMatch(/^pin +prefer *\r?$/m);
    expect(shown).not.toMatch(/readonly|command not found|syntax error/);
  });
});
