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
  redeliver,
  settleWebhook,
  type ClaimedWebhook,
  type DeliveryShares,
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
import { AddressPolicy, postWebhook, secretOfTenant, signWebhook } from '#webhooks';
import { DeliveryPlaces } from './delivery-places.js';
import { WebhookSender, type WebhookSenderParts } from './webhook-sender.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const FAST_RETRY = { pausesMs: [20, 20], spread: 1, retryAfterMaxMs: 50 };
const OPEN = new AddressPolicy({ allowPrivateAddresses: true });
const NOBODY: DeliveryShares = {
  ...{ tenantMax: 9, receiverMax: 9 },
  ...{ byTenant: {}, byReceiver: {}, byBoth: {} },
};
const claim = (leaseMs: number): Promise<ClaimedWebhook[]> =>
  claimWebhooks(postgres.database, 10, leaseMs, NOBODY);
const WAITING = { type: 'gate.waiting', data: { gate_id: 'q1', expires_at: '2026-12-01T00:00:00.000Z' } };
const APPROVED = { type: 'gate.decided', data: { gate_id: 'q1', decision: 'approved' } };
const REACHED = { type: 'run.budget_reached', data: { spent_usd: 1.5, spent_gpu_seconds: 7 } };
const FINISHED = {
  type: 'run.finished',
  data: { status: 'completed', accepted: 4, failed: 0, cancelled: 0 },
};

let postgres: TestDatabase;
let receiver: LocalEndpoint;
let senders: WebhookSender[] = [];

beforeAll(async () => {
  postgres = await startTestDatabase();
});
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
    // No try of a receiver that answers is given up, however busy the machine is.
    ...{ secrets: [SECRET], policy: OPEN, tickMs: 10, timeoutMs: 600_000, retryPolicy: FAST_RETRY },
    ...more,
  });
  senders.push(sender);
  sender.start();
  return sender;
}

async function aRunThatTells(url = `${receiver.origin}/hooks`, tenant = 'local'): Promise<string> {
  const run = { ...aRun({ gatesAfter: [1], ...(url === '' ? {} : { webhookUrl: url }) }), tenant };
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

const idOf = ({ headers }: Pick<Exchange, 'headers'>): string => String(headers['webhook-id']);

async function untilDelivered(runId: string): Promise<void> {
  await happen(runId, FINISHED);
  await untilTally(runId, { delivered: 1 });
}

describe('the webhooks of a run', () => {
  it('tell of gates and of the end, signed, with ids, states and counts only', async () => {
    startSender();
    const runId = await aRunThatTells();
    receiver.next(answered(200), answered(204), answered(202), answered(200));
    await happen(runId, { type: 'run.started', data: { order: 'question' } }, WAITING);
    await untilTally(runId, { delivered: 1 });
    await happen(runId, APPROVED);
    await untilTally(runId, { delivered: 2 });
    await happen(runId, REACHED);
    await untilTally(runId, { delivered: 3 });
    await happen(runId, FINISHED);
    await untilTally(runId, { delivered: 4, pending: 0, failed: 0, lastErrorCode: null });
    const counts = { total: 4, accepted: 0, failed: 0, cancelled: 0 };
    const common = (sequence: number) => ({ run_id: runId, sequence, counts, path: `/runs/${runId}` });
    const bodies = receiver.exchanges.map(({ body }) => runWebhookSchema.parse(JSON.parse(body)));
    expect(bodies.map(({ type, data }) => ({ type, data }))).toEqual([
      {
        type: 'gate.waiting',
        data: { ...common(1), gate_id: 'q1', status: 'waiting', expires_at: '2026-12-01T00:00:00.000Z' },
      },
      { type: 'gate.decided', data: { ...common(2), gate_id: 'q1', decision: 'approved' } },
      { type: 'run.budget_reached', data: common(3) },
      { type: 'run.finished', data: { ...common(4), status: 'completed' } },
    ]);
    for (const { headers, body } of receiver.exchanges) {
      const [id, sentAtS] = [String(headers['webhook-id']), Number(headers['webhook-timestamp'])];
      expect(headers['webhook-signature']).toBe(signWebhook(SECRET, id, sentAtS, body));
      expect(Math.abs(sentAtS * 1000 - Date.now())).toBeLessThan(60_000);
    }
    expect(new Set(receiver.exchanges.map(idOf)).size).toBe(4);
  });

  it('are not signed without a secret', async () => {
    startSender({ secrets: [] });
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
    expect(await claim(1)).toEqual([]);
    // The control: what commits is queued.
    await happen(told, FINISHED);
    expect(await claim(1)).toHaveLength(1);
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
      policy: new AddressPolicy({ allowPrivateAddresses: false }),
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
    const [claimed] = await claim(100);
    receiver.next(answered(200));
    startSender();
    await untilTally(runId, { delivered: 1 });
    expect(receiver.exchanges.map(idOf)).toEqual([claimed!.eventId]);
  });

  it('arrive twice with the same id where their sender died between sending and writing it down', async () => {
    const runId = await aRunThatTells();
    await happen(runId, FINISHED);
    const [claimed] = await claim(100);
    receiver.next(answered(200), answered(200));
    const { url, body, eventId } = claimed!;
    await postWebhook({ url, body, headers: { 'webhook-id': eventId }, policy: OPEN });
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
    startSender({ stopMs: 1 });
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

  it('hold a share of the places per receiver and per tenant: who hangs holds up nobody else', async () => {
    startSender({ places: { inAll: 4, ofTenant: 3, ofReceiver: 1 }, timeoutMs: 60_000, stopMs: 1 });
    const [second, third, quick] = await Promise.all([
      LocalEndpoint.start(),
      LocalEndpoint.start(),
      LocalEndpoint.start(),
    ]);
    const hanging = [receiver, second, third];
    for (const each of hanging)
      each.next(
        () => undefined,
        () => undefined,
      );
    // More than there are places, of a tenant all of whose receivers hang.
    for (const { origin } of [...hanging, ...hanging, ...hanging])
      await happen(await aRunThatTells(origin, 'anna'), FINISHED);
    await Promise.all(hanging.map((each) => each.exchange(1)));
    quick.next(...Array.from({ length: 5 }, () => answered(200)));
    const runs = await Promise.all(Array.from({ length: 5 }, () => aRunThatTells(quick.origin, 'ben')));
    for (const runId of runs) await happen(runId, FINISHED);
    for (const runId of runs) await untilTally(runId, { delivered: 1 });
    // Each of those that hang has one still, and no second.
    expect(hanging.map(({ exchanges }) => exchanges.length)).toEqual([1, 1, 1]);
    await Promise.all([second, third, quick].map((each) => each.close()));
  });

  it('of one receiver go to its tenants in turn, however many events one has due before', async () => {
    const many = await aRunThatTells(undefined, 'many');
    await happen(many, ...Array.from({ length: 1000 }, () => WAITING));
    await happen(await aRunThatTells(undefined, 'few'), FINISHED);
    const { database } = postgres;
    const first = await claimWebhooks(database, 10, 60_000, { ...NOBODY, receiverMax: 3 });
    expect(first.map(({ tenant }) => tenant).sort()).toEqual(['few', 'many', 'many']);
    // One place comes free at a time: what is under way counts.
    await happen(await aRunThatTells(undefined, 'few'), FINISHED);
    const { receiver } = first[0]!;
    const places = new DeliveryPlaces({ inAll: 10, ofTenant: 9, ofReceiver: 3 });
    for (const claimed of first.filter(({ tenant }) => tenant === 'many')) places.take(claimed);
    const next = await claimWebhooks(database, places.free, 60_000, places.shares());
    expect(next.map((claimed) => [claimed.tenant, claimed.receiver])).toEqual([['few', receiver]]);
  });

  it('of one receiver do not wait behind those of another of the same tenant that hangs', async () => {
    startSender({ places: { inAll: 4, ofTenant: 2, ofReceiver: 1 }, timeoutMs: 60_000, stopMs: 1 });
    receiver.next(() => undefined);
    const quick = await LocalEndpoint.start();
    quick.next(answered(200));
    const backlog = await Promise.all(
      Array.from({ length: 30 }, () => aRunThatTells(receiver.origin, 'anna')),
    );
    for (const runId of backlog) await happen(runId, FINISHED);
    await receiver.exchange(1);
    const runId = await aRunThatTells(quick.origin, 'anna');
    await happen(runId, FINISHED);
    await untilTally(runId, { delivered: 1 });
    expect(receiver.exchanges).toHaveLength(1);
    await quick.close();
  });

  it("are signed with their tenant's own secret, and with the one before during a rotation", async () => {
    const before = 'the-secret-that-was-before';
    startSender({ secrets: [SECRET, before] });
    receiver.next(answered(200));
    await untilDelivered(await aRunThatTells(receiver.origin, 'anna'));
    const { headers, body } = await receiver.exchange(1);
    const sign = (secret: string): string =>
      signWebhook(
        secretOfTenant(secret, 'anna'),
        idOf({ headers }),
        Number(headers['webhook-timestamp']),
        body,
      );
    expect(headers['webhook-signature']).toBe(`${sign(SECRET)} ${sign(before)}`);
  });

  it('are sent again on demand with the same id and a schedule that begins anew, also when they were given up', async () => {
    startSender();
    const runId = await aRunThatTells();
    receiver.next(...Array.from({ length: 5 }, () => answered(500)), answered(200), answered(200));
    await happen(runId, FINISHED);
    await untilTally(runId, { failed: 1 });
    expect(receiver.exchanges).toHaveLength(3);
    const again = () => redeliver(postgres.database, { runId, limit: 10 });
    expect(await again()).toHaveLength(1);
    await untilTally(runId, { delivered: 1 });
    expect(receiver.exchanges).toHaveLength(6);
    expect(await again()).toHaveLength(1);
    await receiver.exchange(7);
    await untilTally(runId, { delivered: 1 });
    expect(new Set(receiver.exchanges.map(idOf)).size).toBe(1);
  });

  it('that are being tried are not sent again beside that', async () => {
    const runId = await aRunThatTells();
    await happen(runId, FINISHED);
    const [claimed] = await claim(60_000);
    expect(await redeliver(postgres.database, { eventId: claimed!.eventId })).toEqual([]);
    // The control: between two tries it need not wait.
    const failed = { kind: 'retry', code: 'TIMED_OUT', status: null, pauseMs: 60_000 } as const;
    await settleWebhook(postgres.database, claimed!, failed);
    expect(await redeliver(postgres.database, { eventId: claimed!.eventId })).toEqual([claimed!.eventId]);
    expect(await claim(1)).toHaveLength(1);
  });

  it('wait as long as the receiver asks', async () => {
    startSender({ retryPolicy: { pausesMs: [1, 1], spread: 0, retryAfterMaxMs: 3_600_000 } });
    const runId = await aRunThatTells();
    receiver.next(({ response }) => void response.writeHead(429, { 'retry-after': '1800' }).end());
    await happen(runId, FINISHED);
    await untilTally(runId, { pending: 1, lastErrorCode: 'REFUSED' });
    const { rows } = await postgres.database.query<{ minutes: number }>(
      `SELECT extract(epoch FROM due_at - now())::float8 / 60 AS minutes FROM webhook_deliveries WHERE run_id = $1`,
      [runId],
    );
    expect(rows[0]?.minutes).toBeGreaterThan(29);
    expect(rows[0]?.minutes).toBeLessThan(31);
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
