import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answers, deploymentOf, startBeacon, until, type Beacon, type Reply } from '#testing';

interface Task {
  readonly task_id: string;
  readonly status: string;
  readonly event: string;
  readonly [name: string]: unknown;
}

describe('tasks', () => {
  let beacon: Beacon;
  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        { coder: ['US', 'EU'], scout: [{ region: 'EU', protocol: 'openai' }], m: ['US'] },
        {
          tasks: {
            code_generation: {
              owner: 'code_ang',
              model: 'coder',
              system_prompt: 'You write code.',
              max_tokens: 77,
              temperature: 0.5,
              result_summary_bytes: 9,
            },
            research: { owner: 'scout_ang', model: 'scout', region: 'eu-west', region_policy: 'pin' },
          },
        },
      ),
      keys: {
        anna: { roles: ['submit'] },
        reader: { roles: ['read'], tenant: 'anna' },
        ben: { roles: ['submit'] },
        ops: { roles: ['operate'] },
      },
    });
  });
  afterAll(() => beacon.stop());

  const as = (key: string) => beacon.client.as(key);
  const execute = (json: unknown, key = 'anna', headers = {}): Promise<Reply<Task>> =>
    as(key).request<Task>('/api/modal/execute-task', { json, headers });
  const untilEnded = (taskId: string, key = 'anna'): Promise<Task> =>
    until('the task has ended', async () => {
      const { body } = await as(key).request<Task>(`/tasks/${taskId}`);
      return body['completed_at'] === null ? undefined : body;
    });

  it('go to the model of their type with its parameters, and come back as the charter has it', async () => {
    const accepted = await execute({
      task_type: 'code_generation',
      prompt: 'add two numbers',
      metadata: { ticket: 7 },
    });
    expect(accepted).toMatchObject({
      status: 202,
      body: { success: true, status: 'queued', task_type: 'code_generation', owner_id: 'code_ang' },
    });
    const task = await untilEnded(accepted.body.task_id);
    expect(task).toMatchObject({
      status: 'completed',
      event: 'task.completed',
      task_type: 'code_generation',
      owner_id: 'code_ang',
      result_summary: 'answer to',
      error: null,
      metadata: { ticket: 7 },
      worker_id: expect.stringMatching(/^worker-[0-9a-f]{12}$/),
      execution_time: expect.any(Number),
    });
    expect(task['result']).toContain('add two numbers');
    const [call] = beacon.upstream.calls.filter(({ endpoint }) => endpoint.endsWith('/coder'));
    expect(call!.body).toMatchObject({
      temperature: 0.5,
      max_tokens: 77,
      messages: [
        { role: 'system', content: 'You write code.' },
        { role: 'user', content: 'add two numbers' },
      ],
    });
  });

  it('of a type that is routed to an OpenAI-compatible endpoint are asked in its protocol', async () => {
    beacon.upstream.from('EU/scout', (call) =>
      call.respond(200, {
        model: 'scout',
        choices: [{ message: { role: 'assistant', content: 'found' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 4, completion_tokens: 2 },
      }),
    );
    const { body } = await execute({
      task_type: 'research',
      input: { topic: 'bias' },
      owner_id: 'other_ang',
      region_preference: 'EU',
    });
    expect(await untilEnded(body.task_id)).toMatchObject({
      status: 'completed',
      result: 'found',
      owner_id: 'other_ang',
    });
    const [call] = beacon.upstream.callsOf('EU/scout');
    expect(call!.body['messages']).toEqual([{ role: 'user', content: '{"topic":"bias"}' }]);
    const elsewhere = await execute({ task_type: 'research', prompt: 'x', region_preference: 'US' });
    expect(elsewhere).toMatchObject({ status: 400, body: { errors: [{ field: 'region_preference' }] } });
    expect(JSON.stringify(elsewhere.body)).not.toContain('scout');
  });

  it('that a client names are made once, by tenant', async () => {
    const task = { task_type: 'code_generation', prompt: 'once', task_id: 'ticket:1' };
    // Tasks without a name have UUIDs: a name must not be one of those.
    const unnamed = await execute({ task_type: 'code_generation', prompt: 'unnamed' });
    for (const task_id of [unnamed.body.task_id, unnamed.body.task_id.toUpperCase()])
      expect(await execute({ ...task, task_id })).toMatchObject({
        status: 400,
        body: {
          code: 'VALIDATION_FAILED',
          errors: [{ field: 'task_id', message: expect.stringContaining('form of a UUID') }],
        },
      });
    const first = await execute(task);
    expect(first.body.task_id).toBe('ticket:1');
    await untilEnded('ticket:1');
    const again = await execute(task);
    expect(again).toMatchObject({ status: 202, body: { task_id: 'ticket:1', status: 'completed' } });
    expect(await execute({ ...task, prompt: 'twice' })).toMatchObject({
      status: 409,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await execute({ ...task, owner_id: 'somebody' })).toMatchObject({ status: 409 });
    const others = await execute({ ...task, prompt: 'of ben' }, 'ben');
    expect(others).toMatchObject({ status: 202, body: { task_id: 'ticket:1' } });
    expect((await untilEnded('ticket:1', 'ben'))['result']).toContain('of ben');
    expect((await untilEnded('ticket:1'))['result']).toContain('once');
    const calls = beacon.upstream.calls.filter(({ body }) => JSON.stringify(body).includes('"once"'));
    expect(calls).toHaveLength(1);
  });

  it('without a name are made once under an Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const task = { task_type: 'code_generation', prompt: 'keyed' };
    const first = await execute(task, 'anna', headers);
    expect((await execute(task, 'anna', headers)).body.task_id).toBe(first.body.task_id);
  });

  it('are seen by their tenant and by operations, and are not there for anybody else', async () => {
    const { body } = await execute({ task_type: 'code_generation', prompt: 'mine' });
    const path = `/tasks/${body.task_id}`;
    await untilEnded(body.task_id);
    for (const key of ['anna', 'reader', 'ops']) expect((await as(key).request(path)).status).toBe(200);
    expect(await as('ben').request(path)).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
    expect(await as('ben').request(path, { method: 'DELETE' })).toMatchObject({ status: 404 });
    expect(await as('reader').request(path, { method: 'DELETE' })).toMatchObject({ status: 403 });
    expect(await as('anna').request(path, { method: 'DELETE' })).toMatchObject({
      status: 409,
      body: { code: 'TASK_FINISHED' },
    });
  });

  it('are no jobs to customers: what does them is not to be learned', async () => {
    const { body } = await execute({ task_type: 'code_generation', prompt: 'hidden' });
    const path = `/inference/status/${body.task_id}`;
    for (const key of ['anna', 'reader']) expect((await as(key).request(path)).status).toBe(404);
    expect((await as('anna').cancel(body.task_id)).status).toBe(404);
    expect(await as('ops').request(path)).toMatchObject({ status: 200, body: { model: 'coder' } });
    const told = JSON.stringify([
      (await as('anna').request(`/tasks/${body.task_id}`)).body,
      (await as('anna').request('/tasks')).body,
      body,
    ]);
    expect(told).not.toMatch(/coder|US-|EU-/);
    await untilEnded(body.task_id);
  });

  it('that fail say so in the words of the catalogue', async () => {
    const refuses = (call: { respond(status: number, body: unknown): void }): void =>
      call.respond(400, { error: 'MARKER of the upstream' });
    for (const endpoint of ['US/coder', 'EU/coder']) beacon.upstream.from(endpoint, refuses);
    const { body } = await execute({ task_type: 'code_generation', prompt: 'bad' });
    const task = await untilEnded(body.task_id);
    expect(task).toMatchObject({
      status: 'failed',
      event: 'task.failed',
      result: null,
      error: { code: 'REQUEST_REJECTED', message: 'the model does not take this request' },
    });
    expect(JSON.stringify(task)).not.toContain('MARKER');
    for (const endpoint of ['US/coder', 'EU/coder']) beacon.upstream.from(endpoint, answers);
  });

  it('are listed newest first, page by page, by type, owner and status', async () => {
    const page = async (query: string): Promise<{ tasks: Task[]; next_cursor: string | null }> =>
      (await as('reader').request<{ tasks: Task[]; next_cursor: string | null }>(`/tasks${query}`)).body;
    const all = (await page('')).tasks;
    expect(all.length).toBeGreaterThan(4);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const next: { tasks: Task[]; next_cursor: string | null } = await page(
        `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...next.tasks.map(({ task_id: id }) => id));
      cursor = next.next_cursor;
    }
    expect(seen).toEqual(all.map(({ task_id: id }) => id));
    const failed = (await page('?status=failed')).tasks;
    expect(failed.map(({ status }) => status)).toEqual(['failed']);
    expect((await page('?task_type=research&owner_id=other_ang')).tasks).toHaveLength(1);
    expect((await page('?owner_id=nobody')).tasks).toEqual([]);
    expect(all[0]).not.toHaveProperty('result');
    for (const cursor of ['x', Buffer.from('2026-13-45 00:00:00+00 x').toString('base64url')])
      expect((await as('anna').request(`/tasks?cursor=${cursor}`)).status).toBe(400);
  });

  it('are refused with the field and what it may be', async () => {
    expect(await execute({ task_type: 'poetry', prompt: 'x' })).toMatchObject({
      status: 400,
      body: {
        code: 'UNKNOWN_TASK_TYPE',
        detail: 'task_type: must be one of code_generation, research',
        errors: [{ field: 'task_type' }],
      },
    });
    expect(await execute({ task_type: 'constructor', prompt: 'x' })).toMatchObject({
      body: { code: 'UNKNOWN_TASK_TYPE' },
    });
    for (const json of [
      { task_type: 'research' },
      { task_type: 'research', prompt: 'x', input: {} },
      { task_type: 'research', prompt: 'x', model: 'm' },
      { task_type: 'research', prompt: 'x', task_id: 'a b' },
    ])
      expect(await execute(json)).toMatchObject({ status: 400, body: { code: 'VALIDATION_FAILED' } });
    expect((await execute({ task_type: 'research', prompt: 'x' }, 'reader')).status).toBe(403);
    expect((await as('anna').request('/tasks/unknown')).status).toBe(404);
  });
});

describe('a server without task types', () => {
  it('says so', async () => {
    const beacon = await startBeacon({ configuration: deploymentOf({ m: ['US'] }) });
    try {
      const refused = { status: 404, body: { code: 'TASKS_NOT_CONFIGURED' } };
      const json = { task_type: 'research', prompt: 'x' };
      expect(await beacon.client.request('/api/modal/execute-task', { json })).toMatchObject(refused);
      for (const path of ['/tasks', '/tasks/x'])
        expect(await beacon.client.request(path)).toMatchObject(refused);
    } finally {
      await beacon.stop();
    }
  });
});
