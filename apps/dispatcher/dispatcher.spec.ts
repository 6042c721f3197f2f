import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadSettings, parseConfiguration } from '#config';
import { subjects, type Ticket, type TicketCheck, type TicketCheckReply } from '#contracts';
import {
  DurableConsumer,
  TicketPublisher,
  Topology,
  connectNats,
  type JsMsg,
  type NatsConnection,
} from '#messaging';
import { createLogger } from '#observability';
import { TcpLink, Upstream, deploymentOf, hangs, startTestNats, until, type TestNats } from '#testing';
import { Dispatcher } from './dispatcher.js';

const ENDPOINT = 'US-m';
const MAY_BEGIN: TicketCheckReply = { wanted: true, ended: false, may_begin: true };
const MUST_WAIT: TicketCheckReply = { wanted: true, ended: false, may_begin: false };
const TAKEN_BACK: TicketCheckReply = { wanted: false, ended: false, may_begin: false };

describe('a dispatcher', () => {
  let nats: TestNats;
  let link: TcpLink;
  let upstream: Upstream;
  let router: NatsConnection;
  let topology: Topology;
  let dispatcher: Dispatcher;
  /** What a router says of a ticket, by the id of its job. */
  const replies = new Map<string, TicketCheckReply>();
  let beforeReply: (check: TicketCheck) => void = () => undefined;

  beforeAll(async () => {
    [nats, upstream] = await Promise.all([startTestNats(), Upstream.start()]);
    link = await TcpLink.open(nats.port);
    router = await connectNats({
      ...{ url: nats.url, name: 'spec', onReconnect: () => undefined, onDisconnect: () => undefined },
    });
    topology = await Topology.open(router);
    await topology.ensureStreams(['US']);
    router.subscribe(subjects.TICKET_CHECK, {
      callback: (_error, message) => {
        const check = message.json<TicketCheck>();
        beforeReply(check);
        message.respond(JSON.stringify(replies.get(check.job_id)));
      },
    });
    dispatcher = await startDispatcher();
  });
  afterAll(async () => {
    await upstream.close();
    await dispatcher.drain();
    await link.close();
    await router.close();
    await nats.close();
  });

  const startDispatcher = (): Promise<Dispatcher> =>
    Dispatcher.start(
      'US',
      loadSettings({ NATS_URL: `nats://127.0.0.1:${link.port}` }),
      parseConfiguration(
        deploymentOf({ m: ['US'] }, { timeouts: { drain_ms: 60_000 } })(upstream.url),
        'spec',
      ),
      createLogger('dispatcher', 'silent'),
    );

  /** As the router does. */
  const issue = async (prompt: string, staged: boolean, epoch = 1): Promise<Ticket> => {
    const ticket: Ticket = {
      ...{
        v: 1,
        job_id: randomUUID(),
        attempt: 1,
        epoch,
        endpoint_id: ENDPOINT,
        region: 'US',
        model: 'm',
      },
      ...{ staged, timeout_ms: 60_000, request: { prompt, temperature: 0, max_tokens: 1 } },
    };
    replies.set(ticket.job_id, staged ? MUST_WAIT : MAY_BEGIN);
    await new TicketPublisher(router).publish(ticket);
    return ticket;
  };
  const isAcked = async ({ job_id: jobId }: Ticket): Promise<boolean> =>
    !(await topology.holds(subjects.dispatchStream('US'), subjects.dispatchSubject('US', ENDPOINT, jobId)));

  /** How many tickets the broker has handed out. */
  const handedOut = async (): Promise<number> => {
    const subject = `$JS.API.CONSUMER.INFO.${subjects.dispatchStream('US')}.${subjects.endpointConsumer(ENDPOINT)}`;
    return (await router.request(subject)).json<{ num_ack_pending: number }>().num_ack_pending;
  };

  /** A call in flight, and a ticket at the door behind it. */
  const linedUp = async (name: string): Promise<{ endCall: () => void; waiting: Ticket }> => {
    upstream.next('US/m', hangs);
    await issue(`${name} runs`, false);
    const call = await until('the call is made', () => upstream.callsFor(`${name} runs`)[0]);
    const waiting = await issue(`${name} waits`, true);
    await until('both tickets are on their way', async () => (await handedOut()) === 2);
    // An answer to what was sent after them: they have arrived.
    await router.request(subjects.METRICS, '', { timeout: 30_000 });
    return { endCall: () => call.answer(), waiting };
  };

  it('begins what has waited when a call ends', async () => {
    const { endCall, waiting } = await linedUp('well:');
    replies.set(waiting.job_id, MAY_BEGIN);
    endCall();
    await until('its turn has come', () => isAcked(waiting));
    expect(upstream.callsFor('well: waits')).toHaveLength(1);
  });

  it('begins nothing that has waited over a half-open line: nobody hears of it, and the ticket is taken back', async () => {
    const { endCall, waiting } = await linedUp('dead:');
    link.stall();
    replies.set(waiting.job_id, TAKEN_BACK);
    await until('nobody hears of it', () => link.hasSwallowed(subjects.heartbeatSubject('US')));
    endCall();
    await until(
      'its turn has come',
      () => link.hasSwallowed(subjects.TICKET_CHECK) || upstream.callsFor('dead: waits').length > 0,
    );
    link.cut();
    link.heal();
    await until('it was asked about', () => isAcked(waiting));
    expect(upstream.callsFor('dead: waits')).toHaveLength(0);
  });

  it('that drains begins no call more, also where a router lets it: the next one makes it, once', async () => {
    let drained: Promise<void> | undefined;
    beforeReply = () => {
      drained ??= dispatcher.drain();
    };
    // Issued again, so it is asked about.
    const ticket = await issue('late', false, 2);
    await until('it drains', () => drained !== undefined);
    await drained;
    expect(upstream.callsFor('late')).toHaveLength(0);
    expect(await isAcked(ticket)).toBe(false);
    dispatcher = await startDispatcher();
    await until('the next one has made its call', () => isAcked(ticket));
    expect(upstream.callsFor('late')).toHaveLength(1);
  });

  /** Takes tickets as another dispatcher does. @returns those of jobs that it has been given, by their ids */
  const takeElsewhere = (): { given: Map<string, JsMsg>; consumer: DurableConsumer } => {
    const given = new Map<string, JsMsg>();
    const consumer = new DurableConsumer(router, {
      stream: subjects.dispatchStream('US'),
      consumer: subjects.endpointConsumer(ENDPOINT),
      prefetch: 2,
      ensure: () => topology.ensureEndpointConsumer('US', ENDPOINT, 1),
      handle: ({ message }) => given.set(message.json<Ticket>().job_id, message),
      onInterrupted: () => undefined,
    });
    return { given, consumer };
  };

  it('makes no call for what a killed NATS gives out again, unless a router knows that nobody is at it', async () => {
    await dispatcher.drain();
    const { given, consumer } = takeElsewhere();
    // What is given out within a tenth of a second of something else is written down later.
    for (const name of ['before', 'just before']) {
      const { job_id: jobId } = await issue(name, false);
      (await until('it is given out', () => given.get(jobId))).ack();
    }
    const held = await issue('held', false);
    await until('another has it', () => given.has(held.job_id));
    await nats.kill();
    await consumer.stop();
    replies.set(held.job_id, MUST_WAIT);
    let asked: TicketCheck | undefined;
    beforeReply = (check) => {
      if (check.job_id === held.job_id) asked = check;
    };
    const restarted = nats.restart();
    dispatcher = await startDispatcher();
    await restarted;
    await until('a router is asked', () => asked !== undefined);
    expect(asked).toMatchObject({ job_id: held.job_id, epoch: 1, may_be_held: true });
    expect(upstream.callsFor('held')).toHaveLength(0);
    replies.set(held.job_id, MAY_BEGIN);
    await until('its call is made', () => isAcked(held));
    expect(upstream.callsFor('held')).toHaveLength(1);
  });
});
