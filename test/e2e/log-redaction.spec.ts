import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { BeaconClient, until } from '#testing';
import { onStack, type Stack } from '../stack/stack.js';

const LIMIT_MS = 600_000;
const COMMAND = 'apps/cli/bin/beacon.js';
const CHOSEN = {
  BEACON_WEBHOOK_SECRET: `whsec_${Buffer.from(`secret of webhooks ${randomUUID()}`).toString('base64')}`,
  MODAL_KEY: `wk-${randomUUID()}`,
  MODAL_SECRET: `ws-${randomUUID()}`,
};
/** Made at the start and handed to one process each; what is looked for in what they were told. */
const HANDED = ['BEACON_SERVICE_TOKEN', 'DATABASE_URL', 'NATS_URL'];

async function keyWith(keysFile: string, name: string, role: string): Promise<string> {
  const parameters = [
    COMMAND,
    'keys',
    'create',
    '--file',
    keysFile,
    '--name',
    name,
    '--role',
    role,
    '--json',
  ];
  const { stdout } = await promisify(execFile)(process.execPath, parameters);
  return (JSON.parse(stdout) as { key: string }).key;
}

/** @returns the batch's id */
async function batchOf(client: BeaconClient, lines: readonly string[], note: string): Promise<string> {
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', new Blob([lines.join('\n')]), 'lines.jsonl');
  const sent = new Response(form);
  const { body: file } = await client.request<{ id: string }>('/v1/files', {
    raw: new Uint8Array(await sent.arrayBuffer()),
    headers: { 'content-type': sent.headers.get('content-type') ?? '' },
  });
  const { status, body } = await client.request<{ id: string }>('/v1/batches', {
    json: {
      ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
      metadata: { note },
    },
  });
  expect(status).toBe(200);
  return body.id;
}

/** Everything that any process of the stack has written for people to read. */
async function logsOf({ folder }: Stack): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const logs = names.filter((name) => /(^|\/)(log|[^/]*\.log)$/.test(name));
  expect(logs).toEqual(expect.arrayContaining(['log']));
  return (await Promise.all(logs.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
}

/** Passwords of the services and the token of the runner. */
async function handedSecrets(stack: Stack): Promise<string[]> {
  const environments = await Promise.all(
    ['router', 'runner', 'dispatcher-US', 'dispatcher-EU', 'dispatcher-ASIA'].map((name) =>
      readFile(`/proc/${stack.pidOf(name)}/environ`, 'utf8'),
    ),
  );
  const values = environments.flatMap((text) =>
    text.split('\0').flatMap((line) => {
      const [name = '', ...value] = line.split('=');
      return HANDED.includes(name) ? [value.join('=')] : [];
    }),
  );
  return [...new Set(values.map((value) => (URL.canParse(value) ? new URL(value).password : value)))].filter(
    (secret) => secret.length >= 8,
  );
}

describe('what a whole Beacon logs', () => {
  it(
    'holds no key, no secret, no prompt and no answer, whatever happens',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'beacon-keys-'));
      const keysFile = join(folder, 'keys.json');
      const admin = await keyWith(keysFile, 'admin', 'admin');
      const submit = await keyWith(keysFile, 'customer', 'submit');
      const environment = { ...CHOSEN, BEACON_API_KEYS_FILE: keysFile };
      await onStack({ seed: 11, platform: { time_scale: 60 }, environment }, async (stack) => {
        const client = new BeaconClient(stack.url, submit);
        const mark = (what: string): string => `${what} ${randomUUID()}`;
        const secrets = [admin, submit, ...Object.values(CHOSEN), ...(await handedSecrets(stack))];
        const said: string[] = [];
        const say = (what: string): string => {
          said.push(mark(what));
          return said.at(-1)!;
        };

        // Jobs that are answered, cancelled, refused and kept from their answer.
        const job = { model: 'llama3.2-1b', region_preference: 'US' };
        const answered = await client.queue({
          ...job,
          prompt: say('prompt'),
          metadata: { note: say('note') },
        });
        const messages = [
          { role: 'system', content: say('system') },
          { role: 'user', content: say('message') },
        ];
        const second = await client.queue(
          { ...job, messages },
          { 'idempotency-key': say('key').replace(' ', '-') },
        );
        await stack.standIn
          .fault({ kind: 'error', endpoint: 'eu-qwen2.5-1.5b', calls: 4 })
          .catch(() => undefined);
        const failing = await client.queue({
          ...{ model: 'qwen2.5-1.5b', region_preference: 'EU', region_policy: 'pin' },
          ...{ prompt: say('failing'), max_attempts: 1 },
        });
        const unwanted = await client.queue({ ...job, prompt: say('unwanted') });
        await client.cancel(unwanted.job_id);
        await client.request('/inference/queued', {
          json: { ...job, prompt: say('refused'), max_tokens: -1 },
        });
        await client.request('/inference/queued', { raw: `{"prompt": "${say('malformed')}`, method: 'POST' });
        await client.request(`/inference/status/${say('path').replace(' ', '-')}`);
        const wrong = `${submit.slice(0, -4)}AAAA`;
        secrets.push(wrong);
        await new BeaconClient(stack.url, wrong).request('/queue/status');
        // A run, whose runner and one of whose dispatchers are killed.
        const { body: run } = await client.request<{ run_id: string }>('/runs', {
          json: {
            ...{ name: say('name'), models: ['llama3.2-1b'], regions: ['US', 'EU'], webhook_url: undefined },
            ...{ questions: [{ id: 'q1', text: say('question') }], system_prompts: { US: say('regional') } },
          },
        });
        // OpenAI's door: answered, streamed, refused, and by a batch, of a file that is good and of one that is not.
        const chat = (what: string) => [{ role: 'user', content: say(what) }];
        const model = 'llama3.2-1b@us';
        const asked = await client.request<{ choices: { message: { content: string } }[] }>(
          '/v1/chat/completions',
          { json: { model, messages: chat('chat'), metadata: { note: say('chat-note') } } },
        );
        expect(asked.status).toBe(200);
        const streamed = await client.request<{ text: string }>('/v1/chat/completions', {
          json: { model, messages: chat('streamed'), stream: true },
        });
        expect(streamed.body.text).toContain('[DONE]');
        for (const json of [
          { model, prompt: say('echoed'), echo: true },
          { model, [say('unknown')]: 1 },
        ])
          expect((await client.request('/v1/completions', { json })).status).toBe(400);
        const lineOf = (custom_id: string, more: object = {}): string =>
          JSON.stringify({
            ...{ custom_id, method: 'POST', url: '/v1/chat/completions' },
            body: { model, messages: chat(`line ${custom_id}`), ...more },
          });
        const batch = await batchOf(client, [lineOf('a'), lineOf('b')], say('batch-note'));
        await batchOf(client, [lineOf('a', { [say('field')]: 1 }), `{"${say('broken')}`], say('bad-note'));
        const made = await new BeaconClient(stack.url, admin).request<{ key: string; key_id: string }>(
          '/keys',
          {
            json: { name: 'short-lived', roles: ['read'] },
          },
        );
        secrets.push(made.body.key);
        for (const victim of ['runner', 'dispatcher-US', 'router']) {
          const pid = stack.kill(victim);
          await stack.restarted(victim, pid);
        }
        const ended = [
          await client.untilEnded(answered.job_id),
          await client.untilEnded(second.job_id),
          await client.untilEnded(failing.job_id),
        ];
        const results = await until('the run has its answers', async () => {
          const path = `/runs/${run.run_id}/results`;
          const { body } = await client.request<{ results: { answer: string | null }[] }>(path);
          return body.results.every(({ answer }) => answer !== null) && body.results;
        });
        const output = await until('the batch has its answers', async () => {
          const path = `/v1/batches/${batch}`;
          const { body } = await client.request<{ output_file_id: string | null }>(path);
          return body.output_file_id;
        });
        const { body: file } = await client.request<{ text: string }>(`/v1/files/${output}/content`);
        const lines = file.text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { response: { body: typeof asked.body } });
        const answers = [
          ...[asked.body, ...lines.map(({ response }) => response.body)].map(
            ({ choices }) => choices[0]!.message.content,
          ),
          ...ended.map(({ result }) => result?.response),
          ...results.map(({ answer }) => answer),
        ]
          .filter((answer) => typeof answer === 'string')
          .filter((answer) => answer.length > 12);
        expect(answers.length).toBeGreaterThan(2);

        const logs = await logsOf(stack);
        // The logs are those of this stack: they tell of its jobs.
        for (const { job_id: id } of [answered, second, failing]) expect(logs).toContain(id);
        expect(logs).toContain(batch);
        const found = [...secrets, ...said, ...answers].filter((text) => logs.includes(text));
        expect(found).toEqual([]);
        expect(secrets.length).toBeGreaterThan(8);
      });
      await rm(folder, { recursive: true });
    },
    LIMIT_MS,
  );
});
