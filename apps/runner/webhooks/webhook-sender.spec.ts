import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { runWebhookSchema } from '#contracts';
import { createLogger, Metrics } from '#observability';
import {
  appendRunEvents,
  claimWebhooks,
  countWebhooks,
  insertRun,
  lockRun,
  settleWebhook,
  type NewRunEvent,
} from '#persistence';
import {
  LocalEndpoint,
  aRun,
  startTestDatabase,
  until,
  type EndpointReply,
  type Exchange,
  type TestDatabase,
} from '#testing';
import { postWebhook, signWebhook } from '#webhooks';
import { WebhookSender, type WebhookSenderParts } from './webhook-sender.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const FAST_RETRY = { maxTries: 3, backoffMs: 20, backoffMaxMs: 40 };
const WAITING = { type: 'gate.waiting', data: { gate_id: 'q1', expires_at: '2026-12-01T00:00:00.000Z' } };
const APPROVED = { type: 'gate.decided', data: { gate_id: 'q1', decision: 'approved' } };
const FINISHED = {
  type: 'run.finished',
  data: { status: 'completed', accepted: 4, failed: 0, cancelled: 0 },
};

let postgres: TestDatabase;
let receiver: LocalEndpoint;
let senders: WebhookSender[] = [];

beforeAll(async () => {
  postgres = await startTestDatabase();
}, 60_000);
afterAll(() => postgres.close());
beforeEach(async () => {
  receiver = await LocalEndpoint.start();
});
afterEach(async () => {
  await Promise.all(senders.map((sender) => sender.stop()));
  senders = [];
  await receiver.close();
  await postgres.database.query('DELETE FROM webhook_deliveries');
});

function startSender(more: Partial<WebhookSenderParts> = {}): WebhookSender {
  const sender = new WebhookSender({
    ...{ database: postgres.database, logger: createLogger('test', 'silent'), metrics: new Metrics('test') },
    ...{ secret: SECRET, allowPrivateAddresses: true, tickMs: 10, timeoutMs: 2000, retryPolicy: FAST_RETRY },
    ...more,
  });
  senders.push(sender);
  sender.start();
  return sender;
}

async function aRunThatTells(url: string | undefined = `${receiver.origin}/hooks`): Promise<string> {
  const run = aRun({ gatesAfter: [1], ...(url === '' ? {} : { webhookUrl: url }) });
  await insertRun(postgres.database, run);
  return run.id;
}

async function happen(runId: string, ...events: readonly NewRunEvent[]): Promise<void> {
  await postgres.database.transaction(async (client) => {
    await lockRun(client, runId);
    await appendRunEvents(client, runId, events);
  });
}

const answered =
  (status: number): EndpointReply =>
  ({ response }) =>
    void response.writeHead(status).end();

const untilTally = (runId: string, tally: Record<string, unknown>): Promise<unknown> =>
  until(`webhooks read ${JSON.stringify(tally)}`, async () => {
    const read = { ...(await countWebhooks(postgres.database, runId)) };
    expect(read).toMatchObject(tally);
    return true;
  });

const idOf = ({ headers }: Exchange): unknown => headers['webhook-id'];

describe('the webhooks of a run', () => {
  it('tell of gates and of the end, signed, with ids, states and counts only', async () => {
    startSender();
    const runId = await aRunThatTells();
    receiver.next(answered(200), answered(204), answered(202));
    await happen(runId, { type: 'run.started', data: { order: 'question' } }, WAITING);
    await untilTally(runId, { delivered: 1 });
    await happen(runId, APPROVED);
    await untilTally(runId, { delivered: 2 });
    await happen(runId, FINISHED);
    await untilTally(runId, { delivered: 3, pending: 0, failed: 0, lastErrorCode: null });
    const counts = { total: 4, accepted: 0, failed: 0, cancelled: 0 };
    const common = { run_id: runId, counts, path: `/runs/${runId}` };
    const bodies = receiver.exchanges.map(({ body }) => runWebhookSchema.parse(JSON.parse(body)));
    expect(bodies.map(({ type, data }) => ({ type, data }))).toEqual([
      {
        type: 'gate.waiting',
        data: { ...common, gate_id: 'q1', status: 'waiting', expires_at: '2026-12-01T00:00:00.000Z' },
      },
      { type: 'gate.decided', data: { ...common, gate_id: 'q1', decision: 'approved' } },
      { type: 'run.finished', data: { ...common, status: 'completed' } },
    ]);
    for (const { headers, body } of receiver.exchanges) {
      const [id, sentAtS] = [String(headers['webhook-id']), Number(headers['webhook-timestamp'])];
      expect(headers['webhook-signature']).toBe(signWebhook(SECRET, id, sentAtS, body));
      expect(Math.abs(sentAtS * 1000 - Date.now())).toBeLessThan(60_000);
    }
    expect(new Set(receiver.exchanges.map(idOf)).size).toBe(3);
  });

  it('are not signed without a secret', async () => {
    startSender({ secret: undefined });
    const runId = await aRunThatTells();
    receiver.next(answered(200));
    await happen(runId, FINISHED);
    await untilTally(runId, { delivered: 1 });
    expect((await receiver.exchange(1)).headers).not.toHaveProperty('webhook-signature');
  });

  it('are queued with the event or not at all, and only where the run has a webhook_url', async () => {
    const [told, silent] = [await aRunThatTells(), await aRunThatTells('')];
    await happen(silent, FINISHED);
    const rolledBack = postgres.database.transaction(async (client) => {
      await appendRunEvents(client, told, [FINISHED]);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await claimWebhooks(postgres.database, 10, 1)).toEqual([]);
    // The control: what commits is queued.
    await happen(told, FINISHED);
    expect(await claimWebhooks(postgres.database, 10, 1)).toHaveLength(1);
  });

  it('are sent again, with the same id and body, until the receiver takes them', async () => {
    startSender();
    const runId = await aRunThatTells();
    receiver.next(answered(503), ({ response }) => void response.destroy(), answered(200));
    await happen(runId, WAITING);
    await untilTally(runId, { delivered: 1, lastErrorCode: null });
    expect(receiver.exchanges).toHaveLength(3);
    expect(new Set(receiver.exchanges.map(idOf)).size).toBe(1);
    expect(new Set(receiver.exchanges.map(({ body }) => body)).size).toBe(1);
  });

  it.each([
    ['once the tries are used up', 500, 3, 'RECEIVER_ERROR'],
    ['at once by a receiver that is gone for good', 410, 1, 'GONE'],
  ])('are given up %s', async (_when, status, tries, code) => {
    startSender();
    const runId = await aRunThatTells();
    receiver.next(...Array.from({ length: 4 }, () => answered(status)));
    await happen(runId, FINISHED);
    await untilTally(runId, { failed: 1, pending: 0, lastErrorCode: code });
    expect(receiver.exchanges).toHaveLength(tries);
  });

  it('are refused by the sender where the name leads to a private address', async () => {
    startSender({
      allowPrivateAddresses: false,
      resolve: (_hostname, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    const runId = await aRunThatTells(`http://receiver.test:${new URL(receiver.origin).port}/`);
    await happen(runId, FINISHED);
    await untilTally(runId, { failed: 1, lastErrorCode: 'ADDRESS_REFUSED' });
    expect(receiver.lines).toEqual([]);
  });

  it('arrive although their sender died between claim and sending', async () => {
    const runId = await aRunThatTells();
    await happen(runId, FINISHED);
    const [claimed] = await claimWebhooks(postgres.database, 10, 100);
    receiver.next(answered(200));
    startSender();
    await untilTally(runId, { delivered: 1 });
    expect(receiver.exchanges.map(idOf)).toEqual([claimed!.eventId]);
  });

  it('arrive twice with the same id where their sender died between sending and writing it down', async () => {
    const runId = await aRunThatTells();
    await happen(runId, FINISHED);
    const [claimed] = await claimWebhooks(postgres.database, 10, 100);
    receiver.next(answered(200), answered(200));
    const { url, body, eventId } = claimed!;
    await postWebhook({ url, body, headers: { 'webhook-id': eventId }, allowPrivateAddresses: true });
    startSender();
    await untilTally(runId, { delivered: 1 });
    expect(receiver.exchanges.map(idOf)).toEqual([eventId, eventId]);
    // The dead one's word, should it come after all, changes nothing.
    const late = { kind: 'failed', code: 'TIMED_OUT', status: null } as const;
    expect(await settleWebhook(postgres.database, claimed!, late)).toBe(false);
  });

  it('are each sent once, however many senders there are', async () => {
    const runIds = await Promise.all(Array.from({ length: 10 }, () => aRunThatTells()));
    receiver.next(...Array.from({ length: 40 }, () => answered(200)));
    for (const runId of runIds) await happen(runId, WAITING, APPROVED, FINISHED);
    for (let count = 0; count < 3; count += 1) startSender();
    for (const runId of runIds) await untilTally(runId, { delivered: 3 });
    expect(receiver.exchanges).toHaveLength(30);
    expect(new Set(receiver.exchanges.map(idOf)).size).toBe(30);
  });

  it('of one run do not wait for a receiver of another that hangs', async () => {
    startSender();
    const other = await LocalEndpoint.start();
    const [hanging, quick] = [await aRunThatTells(), await aRunThatTells(other.origin)];
    other.next(answered(200));
    receiver.next(() => undefined);
    await happen(hanging, FINISHED);
    await receiver.exchange(1);
    await happen(quick, FINISHED);
    await untilTally(quick, { delivered: 1 });
    expect(await countWebhooks(postgres.database, hanging)).toMatchObject({ pending: 1 });
    await other.close();
  });

  it('do not hold up a stop: one that hangs is left to the next sender', async () => {
    const sender = startSender({ timeoutMs: 60_000, stopMs: 20 });
    const runId = await aRunThatTells();
    receiver.next(() => undefined, answered(200));
    await happen(runId, FINISHED);
    await receiver.exchange(1);
    await sender.stop();
    expect(await countWebhooks(postgres.database, runId)).toMatchObject({ pending: 1 });
    startSender();
    await untilTally(runId, { delivered: 1 });
    expect(new Set(receiver.exchanges.map(idOf)).size).toBe(1);
  });

  it('of a run that does not exist are none', async () => {
    expect(await countWebhooks(postgres.database, randomUUID())).toMatchObject({ pending: 0, delivered: 0 });
  });
});
