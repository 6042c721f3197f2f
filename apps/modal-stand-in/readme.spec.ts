import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defaultStandInConfiguration } from './configuration/default-configuration.js';
import { COLD_START_S, jsonOf, served, type Served } from './spec-support.js';

const README = readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'README.md'), 'utf8');

describe('what the README shows', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it.each(['Deploying, stopping, scaling', 'Faults'])(
    'the commands of "%s" work one after the other against what --default starts, again and again',
    async (title) => {
      standIn = await served(defaultStandInConfiguration());
      const commands = commandsOf(title);
      expect(commands.length).toBeGreaterThan(2);
      const before = await stateOf(standIn);
      for (const { path, ...request } of [...commands, ...commands]) {
        const answer = await fetch(new URL(path, standIn.url), request);
        expect({ path, answer: await answer.text(), ok: answer.ok }).toMatchObject({ ok: true });
      }
      expect(await stateOf(standIn)).toEqual(before);
    },
  );

  it('names everything that is said of containers', async () => {
    standIn = await served();
    await standIn.startCall();
    standIn.clock.advance(COLD_START_S);
    const shown = await jsonOf(await standIn.get('/_stand-in/containers'));
    const [container = {}] = shown['containers'] as Record<string, unknown>[];
    expect(shown).toMatchObject({ gpus: { used: 1, limit: 10 }, container_quota: { used: 1, limit: 100 } });
    const [, documented = ''] = /`GET \/_stand-in\/containers` shows `([^`]+)`/.exec(README) ?? [];
    const names = [...documented.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    expect(new Set(names)).toEqual(
      new Set([...Object.keys(shown), 'used', 'limit', ...Object.keys(container)]),
    );
  });
});

interface Command {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The lines of a section that begin with `curl`. */
function commandsOf(title: string): Command[] {
  const [, section = ''] = README.split(`\n## ${title}\n`);
  const [, block = ''] = /```sh\n([^`]*)```/.exec(section.split('\n## ')[0] ?? '') ?? [];
  return block
    .split('\n')
    .filter((line) => line.startsWith('curl '))
    .map((line) => {
      const body = / -d '([^']*)'/.exec(line)?.[1];
      const method = / -X (\w+)/.exec(line)?.[1] ?? (body === undefined ? 'GET' : 'POST');
      return {
        path: / \$URL(\S+)/.exec(line)?.[1] ?? '',
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      };
    });
}

/** What is deployed and in which state, and which faults there are. */
async function stateOf(standIn: Served): Promise<unknown> {
  const { endpoints } = await jsonOf(await standIn.get('/_stand-in/endpoints'));
  const states = (endpoints as Record<string, unknown>[]).map(({ id, state }) => ({ id, state }));
  return { states, faults: await jsonOf(await standIn.get('/_stand-in/faults')) };
}
