import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { deploymentOf, startBeacon, until, type Beacon, type UpstreamCall } from '#testing';

/** What Beacon adds to OpenAI's shapes; the client's types do not have it. */
interface WithFacts {
  readonly beacon: {
    readonly job_id: string;
    readonly region: string;
    readonly attempt: number;
    readonly substituted: boolean;
  };
}

/** However long the answer takes: where headers of the answer, or its status, are what is claimed. */
const WITH_ITS_OWN_STATUS = { 'X-Beacon-Keep-Alive': 'off' };

const ask = (content: string) => [{ role: 'user' as const, content }];

describe("OpenAI's client, against Beacon", () => {
  let beacon: Beacon;
  let openai: OpenAI;
  /** What the client was sent, as it came in. */
  const bodies: string[] = [];

  beforeAll(async () => {
    beacon = await startBeacon({
      configuration: deploymentOf(
        Object.fromEntries(
          ['chat', 'text', 'cold', 'streamed', 'failing', 'late', 'retried', 'left', 'replicas', 'keyed'].map(
            (model) => [model, ['US', 'EU']],
          ),
        ),
        { http: { keep_alive_after_ms: 2000, keep_alive_every_ms: 50 } },
      ),
      keys: {
        customer: { roles: ['submit'] },
        confined: { roles: ['submit'], limits: { models: ['chat'], regions: ['EU'] } },
        operator: { roles: ['submit', 'operate'] },
        reader: { roles: ['read'] },
        slow: { roles: ['read'], limits: { requests_per_s: 0.01, burst: 1 } },
      },
    });
    openai = clientAt(beacon.url);
  });
  afterAll(() => beacon.stop());

  const clientAt = (url: string, apiKey = 'customer'): OpenAI =>
    new OpenAI({
      ...{ baseURL: `${url}/v1`, apiKey, maxRetries: 6 },
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const [kept, given] = response.body?.tee() ?? [];
        if (kept !== undefined)
          void new Response(kept).text().then(
            (text) => bodies.push(text),
            () => 0,
          );
        return new Response(given ?? null, response);
      },
    });

  it('lists models in both forms', async () => {
    const ids: string[] = [];
    for await (const model of openai.models.list()) {
      expect(model).toMatchObject({ object: 'model', owned_by: 'beacon', created: expect.any(Number) });
      ids.push(model.id);
    }
    expect(ids).toEqual(expect.arrayContaining(['chat', 'chat@us', 'chat@eu']));
    expect(ids).not.toContain('chat@asia');
    expect(await openai.models.retrieve('chat@eu-west')).toMatchObject({ id: 'chat@eu-west' });
    const confined = await clientAt(beacon.url, 'confined').models.list();
    expect(confined.data.map(({ id }) => id)).toEqual(['chat', 'chat@eu']);
  });

  it.each([
    [
      'chat@asia',
      'customer',
      'MODEL_NOT_IN_REGION',
      /^404 model: chat is not deployed in ASIA; it is in US, EU$/,
    ],
    ['chat@mars', 'customer', 'UNKNOWN_MODEL', /^404 model: "mars" is no region .*; regions: US, EU, ASIA$/],
    ['gpt-5@mars', 'customer', 'UNKNOWN_MODEL', /no endpoint serves "gpt-5@mars"/],
    ['gpt-5', 'customer', 'UNKNOWN_MODEL', /no endpoint serves "gpt-5"/],
    ['chat@us', 'confined', 'UNKNOWN_MODEL', /no endpoint serves "chat@us"/],
    ['chat@mars', 'confined', 'UNKNOWN_MODEL', /"mars" is no region .*; regions: EU$/],
    ['text@mars', 'confined', 'UNKNOWN_MODEL', /no endpoint serves "text@mars"/],
  ])('does not read the model %s of the key %s: %s', async (model, key, code, message) => {
    await expect(clientAt(beacon.url, key).models.retrieve(model)).rejects.toMatchObject({
      ...{ status: 404, code, param: 'model', message: expect.stringMatching(message) },
    });
  });

  it('is answered, and told by which job, where and at which attempt', async () => {
    const { data, response } = await openai.chat.completions
      .create(
        {
          model: 'chat@eu-west',
          messages: [
            { role: 'developer', content: 'Be brief.' },
            {
              role: 'user',
              content: [
                { type: 'text', text: 'Who' },
                { type: 'text', text: 'are you?' },
              ],
            },
          ],
          max_completion_tokens: 7,
          seed: 5,
          user: 'u',
          n: 1,
          top_p: 1,
          stop: ['STOP'],
          metadata: { mine: 'yes' },
        },
        {
          headers: {
            ...{ 'X-Beacon-Run-Id': 'run 1', 'X-Beacon-Cell-Id': 'q1/eu', 'X-Beacon-Priority': 'high' },
            ...WITH_ITS_OWN_STATUS,
          },
        },
      )
      .withResponse();
    const { beacon: facts } = data as unknown as WithFacts;
    expect(data).toMatchObject({
      id: `chatcmpl-${facts.job_id}`,
      object: 'chat.completion',
      model: 'chat@eu-west',
      choices: [{ index: 0, message: { role: 'assistant', refusal: null }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 0, completion_tokens: 3, total_tokens: 3 },
    });
    expect(facts).toMatchObject({ region: 'EU', attempt: 1, substituted: false, tokens_generated: 3 });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-beacon-job-id': facts.job_id,
      'x-beacon-region': 'EU',
      'x-beacon-attempt': '1',
      'x-beacon-substituted': 'false',
    });
    expect(beacon.upstream.callsOf('EU/chat').at(-1)!.body).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Who\nare you?' },
      ],
      max_tokens: 7,
      seed: 5,
      temperature: 1,
    });
    const { body: job } = await beacon.client.as('customer').request(`/inference/status/${facts.job_id}`);
    expect(job).toMatchObject({
      region_policy: 'pin',
      priority: 'high',
      metadata: { mine: 'yes', run_id: 'run 1', cell_id: 'q1/eu' },
    });
  });

  it('is told nothing that the charter keeps, and an operator the same', async () => {
    const json = { model: 'chat@us', messages: ask('x') };
    // This client holds what a customer is sent against the list of what must not be in it.
    const told = await beacon.client.as('customer').request('/v1/chat/completions', { json });
    const internal = await beacon.client.as('operator').request('/v1/chat/completions', { json });
    expect(told.status).toBe(200);
    expect(Object.keys(internal.body)).toEqual(Object.keys(told.body));
  });

  it('has prompts continued, each by a job, and cut at what they are to stop at', async () => {
    beacon.upstream.from('US/text', (call) =>
      call.answer({ response: `${String(call.prompt)} is blue. Q: no` }),
    );
    const one = await openai.completions.create({ model: 'text@us', prompt: 'the sky', stop: ['\n', ' Q:'] });
    expect(one).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: 'the sky is blue.', finish_reason: 'stop', logprobs: null }],
    });
    const many = await openai.completions.create({ model: 'text@us', prompt: ['a', 'b'], max_tokens: 3 });
    expect(many.choices).toEqual([
      { index: 0, text: 'a is blue. Q: no', finish_reason: 'length', logprobs: null },
      { index: 1, text: 'b is blue. Q: no', finish_reason: 'length', logprobs: null },
    ]);
    expect((many as unknown as { beacon: { jobs: unknown[] } }).beacon.jobs).toHaveLength(2);
    expect(many.usage).toMatchObject({ completion_tokens: 6 });
  });

  it('streams, with comments while the endpoint is cold', async () => {
    const held: UpstreamCall[] = [];
    beacon.upstream.next('US/streamed', (call) => held.push(call));
    const before = bodies.length;
    const stream = await openai.chat.completions.create({
      ...{ model: 'streamed@us', messages: ask('s'), stream: true, stream_options: { include_usage: true } },
    });
    // The answer has begun, and nothing has been answered.
    const call = await until('the call is made', () => held[0]);
    call.answer({ response: 'slow' });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '' },
      { content: 'slow' },
      {},
      undefined,
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, null, 'stop', undefined]);
    expect(chunks.map(({ usage }) => usage)).toEqual([
      null,
      null,
      null,
      expect.objectContaining({ total_tokens: 3 }),
    ]);
    expect((chunks.at(-1) as unknown as WithFacts).beacon).toMatchObject({ region: 'US', attempt: 1 });
    const text = await until('the body has been read', () => bodies[before]);
    expect(text).toMatch(/^: waiting\n\n/);
    expect(text).toMatch(/data: \[DONE\]\n\n$/);

    const texts = await openai.completions.create({ model: 'streamed@us', prompt: 'p', stream: true });
    const pieces: string[] = [];
    for await (const { choices } of texts) pieces.push(choices[0]?.text ?? '');
    expect(pieces).toEqual(['answer to p']);
  });

  it('waits through a cold start behind whitespace, or without it where it asks for that', async () => {
    const held: UpstreamCall[] = [];
    beacon.upstream.next('US/cold', (call) => held.push(call));
    const before = bodies.length;
    const asked = openai.chat.completions.create({ model: 'cold@us', messages: ask('c') });
    const head = await asked.asResponse();
    // The head is there, and the endpoint has not answered.
    expect(head.status).toBe(200);
    expect(head.headers.get('x-beacon-job-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(head.headers.get('x-beacon-region')).toBeNull();
    (await until('the call is made', () => held[0])).answer({ response: 'warm now' });
    expect((await asked).choices[0]?.message.content).toBe('warm now');
    expect(await until('the body has been read', () => bodies[before])).toMatch(/^\n+\{"id"/);

    beacon.upstream.next('US/cold', (call) => setTimeout(() => call.answer(), 2500));
    await openai.chat.completions.create(
      { model: 'cold@us', messages: ask('off') },
      { headers: { 'X-Beacon-Keep-Alive': 'off' } },
    );
    expect(await until('the body has been read', () => bodies[before + 1])).toMatch(/^\{"id"/);
  });

  describe('when a job fails', () => {
    const fails = (call: UpstreamCall): void => call.respond(200, { status: 'error', error: 'secret words' });

    it('is told by a status of its own, does not repeat it, and learns no more than the charter has', async () => {
      beacon.upstream.from('US/failing', fails);
      const request = { model: 'failing@us', messages: ask('f') };
      const refused = openai.chat.completions.create(request, { headers: WITH_ITS_OWN_STATUS });
      await expect(refused).rejects.toMatchObject({
        status: 424,
        type: 'job_failed',
        code: 'MODEL_ERROR',
        error: { message: 'the model could not work on this input' },
      });
      expect(beacon.upstream.callsOf('US/failing')).toHaveLength(1);
      await expect(
        clientAt(beacon.url, 'operator').chat.completions.create(request, { headers: WITH_ITS_OWN_STATUS }),
      ).rejects.toMatchObject({ error: { message: 'the endpoint answered with status "error"' } });
    });

    it('is told in the stream', async () => {
      beacon.upstream.from('US/failing', fails);
      const stream = await openai.chat.completions.create({
        ...{ model: 'failing@us', messages: ask('f'), stream: true },
      });
      await expect(
        (async () => {
          for await (const chunk of stream) expect(chunk).toBeUndefined();
        })(),
      ).rejects.toMatchObject({ code: 'MODEL_ERROR', type: 'job_failed' });
    });

    it('behind whitespace sees a broken answer, and is told the rest where it tries again', async () => {
      const held: UpstreamCall[] = [];
      beacon.upstream.next('US/late', (call) => held.push(call));
      const request = { model: 'late@us', messages: ask('late') };
      const asked = openai.chat.completions.create(request);
      expect((await asked.asResponse()).status).toBe(200);
      fails(await until('the call is made', () => held[0]));
      await expect(asked).rejects.toThrow('terminated');
      await expect(
        openai.chat.completions.create(request, {
          headers: { ...WITH_ITS_OWN_STATUS, 'x-stainless-retry-count': '1' },
        }),
      ).rejects.toMatchObject({ status: 424, code: 'MODEL_ERROR' });
      expect(beacon.upstream.callsOf('US/late')).toHaveLength(1);
    });
  });

  describe('when it tries again', () => {
    /** A client whose first connection breaks once its job has been taken. */
    const breaking = (model: string, thenAt: () => string = () => beacon.url): OpenAI => {
      let tries = 0;
      return new OpenAI({
        ...{ baseURL: `${beacon.url}/v1`, apiKey: 'customer' },
        fetch: async (input, init) => {
          tries += 1;
          const url = (input as string).replace(beacon.url, tries === 1 ? beacon.url : thenAt());
          if (tries > 1) return fetch(url, init);
          const broken = new AbortController();
          const asked = fetch(url, { ...init, signal: broken.signal });
          await beacon.upstream.call(`US/${model}`);
          broken.abort();
          return asked;
        },
      });
    };

    it('without a key, is given the job of its first try', async () => {
      beacon.upstream.next('US/retried', (call) => setTimeout(() => call.answer(), 1000));
      const answer = await breaking('retried').chat.completions.create({
        ...{ model: 'retried@us', messages: ask('r') },
      });
      expect(answer.choices[0]?.message.content).toMatch(/^answer to/);
      expect(beacon.upstream.callsOf('US/retried')).toHaveLength(1);
      // The control: a request like it that is no other try is a job of its own.
      await openai.chat.completions.create({ model: 'retried@us', messages: ask('r') });
      expect(beacon.upstream.callsOf('US/retried')).toHaveLength(2);
    });

    it('at another router, too, and for all its prompts', async () => {
      const other = await beacon.startAnotherRouter();
      beacon.upstream.next('US/replicas', (call) => setTimeout(() => call.answer(), 1000));
      const answer = await breaking('replicas', () => other.url).completions.create({
        ...{ model: 'replicas@us', prompt: ['one', 'two'] },
      });
      expect(answer.choices.map(({ text }) => text)).toEqual(['answer to one', 'answer to two']);
      expect(beacon.upstream.callsOf('US/replicas')).toHaveLength(2);
      await other.stop();
    });

    it('with an Idempotency-Key, is given the same job, and refused another body once and for all', async () => {
      const headers = { 'Idempotency-Key': 'chosen' };
      const request = { model: 'keyed@us', messages: ask('k') };
      const [one, two] = await Promise.all([
        openai.chat.completions.create(request, { headers }),
        openai.chat.completions.create(request, { headers }),
      ]);
      expect(two).toEqual(one);
      expect(beacon.upstream.callsOf('US/keyed')).toHaveLength(1);
      await expect(
        openai.chat.completions.create({ ...request, messages: ask('other') }, { headers }),
      ).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_KEY_REUSED', param: 'Idempotency-Key' });
      const otherHeader = { ...headers, 'X-Beacon-Priority': 'low' };
      await expect(openai.chat.completions.create(request, { headers: otherHeader })).rejects.toMatchObject({
        message: '409 Idempotency-Key: this key was used with another request',
      });
    });

    it('after the router was stopped and started, is given the job of its first try', async () => {
      const held: UpstreamCall[] = [];
      beacon.upstream.next('EU/retried', (call) => held.push(call));
      const answer = openai.chat.completions.create(
        { model: 'retried@eu', messages: ask('restart') },
        { headers: { 'X-Beacon-Keep-Alive': 'off' } },
      );
      const call = await until('the call is made', () => held[0]);
      await beacon.stopRouter();
      await beacon.startRouter();
      call.answer();
      expect((await answer).choices[0]?.message.content).toMatch(/^answer to/);
      expect(beacon.upstream.callsOf('EU/retried')).toHaveLength(1);
    });
  });

  it('of another make that comes back with the same is given the job that it left', async () => {
    beacon.upstream.next('US/left', (call) => setTimeout(() => call.answer(), 1000));
    const request = {
      method: 'POST',
      headers: { authorization: 'Bearer customer', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'left@us', prompt: 'back' }),
    };
    const leaving = new AbortController();
    const asked = fetch(`${beacon.url}/v1/completions`, { ...request, signal: leaving.signal });
    await beacon.upstream.call('US/left');
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await until('its going has been noted', async () => {
      const { rows } = await beacon.database.query(
        'SELECT FROM unkeyed_requests WHERE held_until <= clock_timestamp()',
      );
      return rows.length === 1 ? true : undefined;
    });
    const answer = await fetch(`${beacon.url}/v1/completions`, request);
    expect(await answer.json()).toMatchObject({ choices: [{ text: 'answer to back' }] });
    expect(beacon.upstream.callsOf('US/left')).toHaveLength(1);
    // Everybody has been answered: nothing is left to be taken over.
    await until('no request is held', async () => {
      const { rows } = await beacon.database.query('SELECT FROM unkeyed_requests');
      return rows.length === 0 ? true : undefined;
    });
  });

  describe('is refused', () => {
    const refusal = async (
      path: string,
      init: { method?: string; body?: string; headers?: Record<string, string> } = {},
    ): Promise<{ status: number; error: Record<string, unknown>; headers: Headers }> => {
      const response = await fetch(`${beacon.url}${path}`, {
        method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
        headers: { authorization: 'Bearer customer', 'content-type': 'application/json', ...init.headers },
        ...(init.body === undefined ? {} : { body: init.body }),
      });
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      const body = (await response.json()) as { error: Record<string, unknown> };
      expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
      return { status: response.status, error: body.error, headers: response.headers };
    };
    const chat = (more: object) => JSON.stringify({ model: 'chat', messages: ask('x'), ...more });

    it.each([
      [
        'a wrong key',
        '/v1/models',
        { headers: { authorization: 'Bearer wrong' } },
        401,
        'UNAUTHENTICATED',
        null,
      ],
      [
        'a role that is not its own',
        '/v1/chat/completions',
        { body: '{}', headers: { authorization: 'Bearer reader' } },
        ...([403, 'FORBIDDEN', null] as const),
      ],
      ['a body that is no JSON', '/v1/chat/completions', { body: '{' }, 400, 'MALFORMED_JSON', 'body'],
      [
        'a body that is too large',
        '/v1/completions',
        { body: JSON.stringify({ model: 'chat', prompt: 'x'.repeat(1_100_000) }) },
        ...([413, 'BODY_TOO_LARGE', 'body'] as const),
      ],
      ['a path that is not there', '/v1/embeddings', { body: '{}' }, 404, 'ROUTE_NOT_FOUND', null],
      ['a method that is not allowed', '/v1/chat/completions', {}, 405, 'METHOD_NOT_ALLOWED', null],
      ['a path that is none', '/v1/models/%zz', {}, 400, 'REQUEST_INVALID', 'path'],
      ['no body', '/v1/chat/completions', { body: '{}' }, 400, 'VALIDATION_FAILED', 'model'],
      [
        'a model that is not there',
        '/v1/chat/completions',
        { body: chat({ model: 'gpt-5' }) },
        ...([404, 'UNKNOWN_MODEL', 'model'] as const),
      ],
      [
        'a region without the model',
        '/v1/chat/completions',
        { body: chat({ model: 'chat@asia' }) },
        ...([400, 'MODEL_NOT_IN_REGION', 'model'] as const),
      ],
      [
        'a region without the model, by its header',
        '/v1/chat/completions',
        { body: chat({}), headers: { 'x-beacon-region': 'ASIA', 'x-beacon-region-policy': 'pin' } },
        ...([400, 'MODEL_NOT_IN_REGION', 'x-beacon-region'] as const),
      ],
      [
        'a deadline that has passed',
        '/v1/chat/completions',
        { body: chat({}), headers: { 'x-beacon-deadline': '2020-01-01T00:00:00Z' } },
        ...([400, 'VALIDATION_FAILED', 'x-beacon-deadline'] as const),
      ],
      [
        'more tokens than are allowed',
        '/v1/chat/completions',
        { body: chat({ max_completion_tokens: 1_000_000 }) },
        ...([400, 'VALIDATION_FAILED', 'max_completion_tokens'] as const),
      ],
      [
        'a header that is not known',
        '/v1/chat/completions',
        { body: chat({}), headers: { 'x-beacon-regoin': 'US' } },
        ...([400, 'VALIDATION_FAILED', 'x-beacon-regoin'] as const),
      ],
      [
        'a header that says something else than the name',
        '/v1/chat/completions',
        { body: chat({ model: 'chat@us' }), headers: { 'x-beacon-region': 'EU' } },
        ...([400, 'VALIDATION_FAILED', 'x-beacon-region'] as const),
      ],
      [
        'log-likelihoods',
        '/v1/completions',
        { body: JSON.stringify({ model: 'chat', prompt: 'x', logprobs: 1 }) },
        ...([400, 'VALIDATION_FAILED', 'logprobs'] as const),
      ],
    ] as const)('%s', async (_what, path, init, status, code, param) => {
      const told = await refusal(path, init);
      expect({ status: told.status, code: told.error['code'], param: told.error['param'] }).toEqual({
        ...{ status, code, param },
      });
    });

    const text = (more: object) => JSON.stringify({ model: 'chat', ...more });

    it.each([
      [
        "a region in the model's name that is none",
        '/v1/chat/completions',
        { body: chat({ model: 'chat@mars' }) },
        ...([404, 'model'] as const),
        'model: "mars" is no region of this server, nor an alias of one; regions: US, EU, ASIA',
      ],
      [
        "a region that is none in the name of a model that is not the key's",
        '/v1/chat/completions',
        { body: chat({ model: 'text@mars' }), headers: { authorization: 'Bearer confined' } },
        ...([403, 'model'] as const),
        'model: this key does not allow "text@mars"; allowed: chat',
      ],
      ['no prompt', '/v1/completions', { body: text({}) }, 400, 'prompt', 'prompt: is missing'],
      [
        'an empty prompt',
        '/v1/completions',
        { body: text({ prompt: '' }) },
        ...([400, 'prompt', 'prompt: must not be empty'] as const),
      ],
      [
        'messages that are all empty',
        '/v1/chat/completions',
        { body: chat({ messages: ask('') }) },
        ...([400, 'messages', 'messages: must say something: the content of every one is empty'] as const),
      ],
      [
        'more faults than are named',
        '/v1/chat/completions',
        { body: chat({ stop: 3, n: 2, top_p: 2, seed: -1 }) },
        ...([400, 'seed'] as const),
        expect.stringMatching(
          /^seed: must be at least 0; stop: must be text or a list, not a number; .*; and 1 more$/,
        ),
      ],
      ...(
        [
          ['GET', '/v1/files/none', 'file_id'],
          ['GET', '/v1/files/none/content', 'file_id'],
          ['DELETE', '/v1/files/none', 'file_id'],
          ['GET', '/v1/batches/none', 'batch_id'],
          ['POST', '/v1/batches/none/cancel', 'batch_id'],
          ['POST', '/v1/batches/none/erase', 'batch_id'],
        ] as const
      ).map(
        ([method, path, param]) =>
          [
            ...([`${method} ${path}`, path, { method }, 404, param] as const),
            `${param}: there is no ${param.slice(0, -3)} "none"`,
          ] as const,
      ),
    ] as const)('and told plainly why: %s', async (_what, path, init, status, param, message) => {
      const told = await refusal(path, init);
      expect({ status: told.status, param: told.error['param'], message: told.error['message'] }).toEqual({
        ...{ status, param, message },
      });
    });

    it('where it asks for responses, and told what to ask instead', async () => {
      const { status, error } = await refusal('/v1/responses', { body: '{}' });
      expect(status).toBe(404);
      expect(error['message']).toContain('/v1/chat/completions');
    });

    it('over its limit, and told when to come back', async () => {
      const client = new OpenAI({ baseURL: `${beacon.url}/v1`, apiKey: 'slow', maxRetries: 0 });
      await client.models.list();
      const refused = await client.models.list().then(
        () => undefined,
        (error: unknown) => error as InstanceType<typeof OpenAI.RateLimitError>,
      );
      expect(refused).toMatchObject({ status: 429, type: 'rate_limit_error', code: 'RATE_LIMIT_REACHED' });
      expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    });
  });
});
