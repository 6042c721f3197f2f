import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import {
  charterCancelSchema,
  charterView,
  type CharterView,
  type JobStatusView,
  type QueueStatusView,
  type charterJobStatusSchema,
} from '#contracts';
import { LOCAL_CALLER, type Caller, type Role } from '#domain';
import { Metrics, createLogger } from '#observability';
import { ROUTE_ACCESS } from '../access/route-access.js';
import { CHARTER_FACES } from './charter-faces.js';
import { CharterPolicy } from './charter-policy.js';
import { charterStream } from './charter-stream.js';
import { charterDeadLetter, charterDeadLetterDetail, charterDeadLetterList } from './dead-letter-face.js';
import { charterJobErased, charterRunErased } from './erasure-face.js';
import { guardReplies } from './guard-replies.js';
import { charterCancel } from './job-face.js';
import { charterQueueStatus } from './queue-face.js';
import { charterDelivery, charterDeliveryDetails, charterDeliveryList } from './webhook-face.js';

const JOB_ID = '00000000-0000-4000-8000-000000000000';
const withRoles = (...roles: Role[]): Caller => ({ ...LOCAL_CALLER, kind: 'key', roles });

describe('routes', () => {
  it('that customers may use have a charter face, and there is no other', () => {
    const forCustomers = Object.entries(ROUTE_ACCESS).flatMap(([route, access]) =>
      access.kind === 'role' && (access.role === 'submit' || access.role === 'read') ? [route] : [],
    );
    expect(forCustomers.length).toBeGreaterThan(20);
    expect(Object.keys(CHARTER_FACES).sort()).toEqual(forCustomers.sort());
  });
});

describe('mappers', () => {
  const modelQueue = {
    ...{ queued: 1, retrying: 0, processing: 0 },
    ...{ median_execution_seconds: null, median_cold_start_seconds: null },
  };
  const queue = {
    ...{ queue_size: 1, retry_queue_size: 0, processing: false, in_flight: 0, completed: 0, failed: 0 },
    ...{
      cancelled: 0,
      expired: 0,
      oldest_wait_seconds: null,
      dispatcher_alive: true,
      wait_reason: null,
      paused: null,
    },
    models: { m: modelQueue },
    endpoints: [],
  };
  const whole = (): QueueStatusView =>
    structuredClone({
      ...{ global_retry_queue_size: 0, regions: { US: queue }, gpus_in_use: 0, gpu_limit: 8 },
      as_of: '2026-11-22T09:00:00.000Z',
    });

  it('take from an internal view what the charter lists, whatever joins it anywhere', () => {
    const listed = JSON.stringify(charterQueueStatus(whole()));
    const placesOf = (view: QueueStatusView): object[] => {
      const us = view.regions['US']!;
      return [view, us, us.models['m']!];
    };
    fc.assert(
      fc.property(fc.nat(2), fc.stringMatching(/^[a-z_]{3,20}$/), fc.jsonValue(), (place, name, value) => {
        const view = whole();
        const at = placesOf(view)[place]!;
        if (Object.hasOwn(at, name)) return;
        Object.assign(at, { [name]: value });
        expect(JSON.stringify(charterQueueStatus(view))).toBe(listed);
      }),
    );
  });
});

describe('mappers of what else tenants have', () => {
  const letter = {
    ...{ jobId: JOB_ID, taskId: null, letterNo: '1', tenant: 't', detail: 'MARKER' },
    code: 'MODEL_ERROR',
    state: 'open',
    ...{
      model: 'm',
      region: 'US',
      endpointId: 'MARKER',
      taskType: null,
      runId: null,
      attempts: 1,
      poison: false,
    },
    ...{ payloadSha256: 'hash', redrivenAs: null, redrivenFrom: null, resolvedAt: null },
    ...{ resolvedBy: 'MARKER', reason: null, createdAt: new Date(0), erasedAt: null },
  } as const;
  const attempt = {
    ...{ attempt: 1, endpointId: 'MARKER', region: 'US', errorCode: 'MODEL_ERROR' },
    status: 'failed',
    ...{ errorDetail: 'MARKER', httpStatus: 418, executionMs: 5, startedAt: null, finishedAt: null },
  } as const;
  const counts = { open: 1, redriven: 0, discarded: 0, poison: 0 };
  const delivery = {
    ...{ event_id: JOB_ID, event_type: 'job.failed', job_id: JOB_ID, run_id: null, sequence: 1 },
    ...{ receiver: 'hooks.example.org', tries: 17 },
    status: 'failed',
    last_error_code: 'RECEIVER_ERROR',
    ...{ last_status: 500, created_at: '2026-11-22T09:00:00.000Z', next_try_at: null, finished_at: null },
  } as const;

  it('take what is listed, whatever joins a row, and of a task neither model nor hash', () => {
    const more = <T extends object>(row: T): T => ({ ...row, note: 'MARKER' });
    const faces = [
      charterDeadLetter(more(letter)),
      charterDeadLetterList(more({ letters: [more(letter)], nextCursor: null, counts: more(counts) })),
      charterDeadLetterDetail(more({ letter: more(letter), attempts: [more(attempt)] })),
      charterDelivery(more(delivery)),
      charterDeliveryList(more({ deliveries: [more(delivery)], next_cursor: null })),
      charterDeliveryDetails(more({ ...delivery, url: 'https://hooks.example.org/', body: {} })),
      charterJobErased(more({ job_id: JOB_ID, erased: true as const, also_erased: [] })),
      charterRunErased(more({ run_id: JOB_ID, erased: true as const, complete: true })),
    ];
    expect(JSON.stringify(faces)).not.toMatch(/MARKER|418/);
    expect(charterDeadLetter(letter)).toMatchObject({ model: 'm', payload_sha256: 'hash' });
    const ofTask = charterDeadLetter({ ...letter, taskType: 'research', taskId: 'ticket-7' });
    expect(ofTask).toMatchObject({ task_id: 'ticket-7', model: null, payload_sha256: null });
  });
});

describe('by type', () => {
  const policy = new CharterPolicy(false);
  const internal = {} as JobStatusView;

  it('what is not a charter view cannot be given to customers', () => {
    // @ts-expect-error an internal view is none, whatever it has in common with one
    const view: CharterView<typeof charterJobStatusSchema> = internal;
    const answer = (): JobStatusView => internal;
    // @ts-expect-error nor is it where a reply is chosen
    const reply = policy.reply(withRoles('read'), answer, answer);
    expect([view, reply]).toHaveLength(2);
  });

  it('a field that the schema does not have cannot be written down', () => {
    const written = () =>
      charterView(charterCancelSchema, {
        job_id: JOB_ID,
        status: 'cancelled',
        // @ts-expect-error it is no field of the charter's
        endpoint_id: 'x',
      });
    expect(written).toThrow('endpoint_id');
  });
});

describe('the door through which answers leave', () => {
  const servers: FastifyInstance[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

  interface Left {
    readonly status: number;
    readonly body: string;
    readonly faults: number;
  }

  /** What a caller is sent, where a route answers so. */
  async function sent(
    caller: Caller | null,
    answer: (reply: FastifyReply) => unknown,
    route = '/inference/:job_id',
  ): Promise<Left> {
    const server = fastify();
    servers.push(server);
    const metrics = new Metrics('test');
    server.decorateRequest('caller', null);
    server.addHook('onRequest', (request, _reply, done) => {
      request.caller = caller;
      done();
    });
    guardReplies(server, new CharterPolicy(false), metrics, createLogger('test', 'silent'));
    server.delete(route, (_request, reply) => answer(reply));
    server.get(route, (_request, reply) => answer(reply));
    await server.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.server.address() as AddressInfo;
    const reply = await fetch(`http://127.0.0.1:${port}${route.replace(/:\w+/, JOB_ID)}`, {
      method: route.startsWith('/runs') ? 'GET' : 'DELETE',
    });
    const text = await reply.text();
    const { body } = await metrics.expose();
    const faults = /^beacon_charter_faults_total\{.*\} (\d+)$/m.exec(body)?.[1];
    return { status: reply.status, body: text, faults: Number(faults ?? 0) };
  }
  const customer = withRoles('submit');
  const internal = { job_id: JOB_ID, status: 'cancelled', endpoint_id: 'MARKER' };

  it('lets the charter of its route pass', async () => {
    const left = await sent(customer, () => charterCancel(JOB_ID, 'cancelled'));
    expect(left).toMatchObject({ status: 200, faults: 0 });
    expect(JSON.parse(left.body)).toEqual({ job_id: JOB_ID, status: 'cancelled' });
  });

  it.each<[string, (reply: FastifyReply) => unknown]>([
    ['an internal document', () => internal],
    [
      'a copy of a charter view with more in it',
      () => ({ ...charterCancel(JOB_ID, 'cancelled'), ...internal }),
    ],
    ['the same fields, but not made by the schema', () => ({ job_id: JOB_ID, status: 'cancelled' })],
    ['a text', () => 'MARKER'],
    [
      'JSON that was written by hand',
      (reply) => reply.type('application/json').send(JSON.stringify(internal)),
    ],
    ['a stream that nobody vouches for', () => Readable.from(['MARKER'])],
    ['a stream where there should be a document', () => charterStream(['MARKER'])],
    ['an error of its own', () => Promise.reject(new Error('MARKER'))],
    [
      'a problem with more in it',
      (reply) =>
        reply
          .code(400)
          .header('content-type', 'application/problem+json; charset=utf-8')
          .send(
            JSON.stringify({ type: 't', title: 't', status: 400, detail: 'd', code: 'C', stack: 'MARKER' }),
          ),
    ],
  ])('holds back %s', async (_title, answer) => {
    const left = await sent(customer, answer);
    expect(left).toMatchObject({ status: 500, faults: 1 });
    expect(left.body).not.toContain('MARKER');
    expect(JSON.parse(left.body)).toMatchObject({ code: 'INTERNAL_ERROR' });
    // The control: those who operate Beacon get it.
    const whole = await sent(withRoles('operate', 'ledger'), answer);
    expect(whole.faults).toBe(0);
    expect(whole.body).not.toBe(left.body);
  });

  it('lets streams pass where pieces are checked one by one, and no document', async () => {
    const route = '/runs/:id/results';
    expect(await sent(customer, () => charterStream(['a', 'b']), route)).toMatchObject({ body: 'ab' });
    expect(await sent(customer, () => charterCancel(JOB_ID, 'cancelled'), route)).toMatchObject({
      status: 500,
    });
  });

  it('refuses customers where a route has no face yet', async () => {
    const known = ROUTE_ACCESS as Record<string, unknown>;
    known['GET /runs/{id}/news'] = { kind: 'role', role: 'read' };
    try {
      const left = await sent(customer, () => charterCancel(JOB_ID, 'cancelled'), '/runs/:id/news');
      expect(left).toMatchObject({ status: 500, faults: 1 });
    } finally {
      delete known['GET /runs/{id}/news'];
    }
  });

  it('takes the costs out of what operators without the ledger are sent', async () => {
    const answer = () => ({ ...internal, plan: { orders: [{ cost_usd: 1.5, makespan_s: 2 }] } });
    expect(JSON.parse((await sent(withRoles('operate'), answer)).body)).toEqual({
      ...internal,
      plan: { orders: [{ cost_usd: null, makespan_s: 2 }] },
    });
    expect(JSON.parse((await sent(withRoles('admin'), answer)).body)).toEqual(answer());
  });
});
