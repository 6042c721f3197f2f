import { runWebhookSchema, type RunView, type RunWebhook } from '#contracts';
import { BeaconClient, LocalEndpoint, until, type Exchange } from '#testing';
import type { Evidence } from '../stack/experiment.js';
import type { Stack } from '../stack/stack.js';

/** A killed sender's webhook is due again after 20 s; the failures of this receiver add some pauses. */
const DELIVERED_MS = 90_000;
const TRIES_MAX = 200;
/** Types of the events that are told of. */
const TOLD = new Set<string>(runWebhookSchema.options.map(({ shape }) => shape.type.value));

/** Somebody who wants to be told of a run: refuses the first try of `gate.waiting`, and keeps the rest. */
export class EventReceiver {
  private readonly refused = new Set<string>();
  private readonly taken: Exchange[] = [];

  private constructor(private readonly endpoint: LocalEndpoint) {}

  static async start(): Promise<EventReceiver> {
    const receiver = new EventReceiver(await LocalEndpoint.start());
    receiver.endpoint.next(
      ...Array.from({ length: TRIES_MAX }, () => (exchange: Exchange) => receiver.answer(exchange)),
    );
    return receiver;
  }

  get url(): string {
    return `${this.endpoint.origin}/events`;
  }

  async untilAllDelivered(stack: Stack, runId: string): Promise<void> {
    const client = new BeaconClient(stack.url);
    await until(
      'all events are delivered',
      async () => {
        const { webhooks } = (await client.request<RunView>(`/runs/${runId}`)).body;
        if (webhooks?.pending !== 0 || webhooks.failed !== 0) throw new Error(JSON.stringify(webhooks));
        return true;
      },
      DELIVERED_MS,
    );
  }

  /** Each event of the run has one id, arrives at least once, and says the same each time. */
  violations({ run, events }: Evidence): string[] {
    const wrong: string[] = [];
    const byId = new Map<string, string>();
    for (const { headers, body } of this.taken) {
      const id = String(headers['webhook-id']);
      const before = byId.get(id);
      if (before !== undefined && before !== body) wrong.push(`${id} says ${body} after ${before}`);
      byId.set(id, body);
    }
    const told = [...byId.values()].map((body) => nameOf(runWebhookSchema.parse(JSON.parse(body))));
    const happened = events
      .filter(({ type }) => TOLD.has(type))
      .map(({ type, gate_id: gateId }) => `${type} ${gateId ?? run.status}`);
    if (JSON.stringify(told.sort()) !== JSON.stringify(happened.sort())) {
      wrong.push(`told ${told.join(', ')}; happened ${happened.join(', ')}`);
    }
    return wrong;
  }

  close(): Promise<void> {
    return this.endpoint.close();
  }

  private answer(exchange: Exchange): void {
    const id = String(exchange.headers['webhook-id']);
    const { type } = runWebhookSchema.parse(JSON.parse(exchange.body));
    const isRefused = type === 'gate.waiting' && !this.refused.has(id);
    if (isRefused) this.refused.add(id);
    else this.taken.push(exchange);
    exchange.response.writeHead(isRefused ? 503 : 200).end();
  }
}

function nameOf({ type, data }: RunWebhook): string {
  return `${type} ${'gate_id' in data ? data.gate_id : 'status' in data ? data.status : ''}`;
}
