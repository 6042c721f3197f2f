import type { AnswerOf } from '#router-client';

export type QueueStatus = AnswerOf<'/queue/status', 'get'>;
type RegionQueue = QueueStatus['regions'][string];
export type EndpointStatus = Extract<RegionQueue, { endpoints: unknown }>['endpoints'][number];
/** Something in force: who wants it, since when, why, until when. */
export type Control = NonNullable<AnswerOf<'/operations', 'get'>['pauses'][number]>;
export type Pause = Pick<Control, 'change_id' | 'reason' | 'by' | 'since' | 'until'>;

/** A region as both faces of the API tell of it. */
export interface RegionView {
  readonly region: string;
  readonly waiting: number;
  readonly retrying: number;
  readonly inFlight: number;
  readonly oldestWaitS: number | null;
  readonly completed: number;
  readonly failed: number;
  readonly isPaused: boolean;
  /** Who paused the region as a whole, and why; operators are told. */
  readonly pause: Pause | undefined;
  readonly dispatcherAlive: boolean;
  readonly waitReason: string | null;
  readonly models: readonly ({ readonly model: string } & RegionQueue['models'][string])[];
  /** undefined: the caller is not shown them. */
  readonly endpoints: readonly EndpointStatus[] | undefined;
}

export function regionViews({ regions }: Pick<QueueStatus, 'regions'>): RegionView[] {
  const queues: readonly (readonly [string, RegionQueue])[] = Object.entries(regions);
  return queues.map(([region, queue]) => ({
    region,
    waiting: queue.queue_size,
    retrying: queue.retry_queue_size,
    inFlight: queue.in_flight,
    oldestWaitS: queue.oldest_wait_seconds,
    completed: queue.completed,
    failed: queue.failed,
    isPaused: queue.paused !== null && queue.paused !== false,
    pause: typeof queue.paused === 'object' && queue.paused !== null ? queue.paused : undefined,
    dispatcherAlive: queue.dispatcher_alive,
    waitReason: queue.wait_reason,
    models: Object.entries(queue.models).map(([model, counts]) => ({ model, ...counts })),
    endpoints: 'endpoints' in queue ? queue.endpoints : undefined,
  }));
}

/** Why an endpoint takes nothing, or might not soon; empty: there is nothing to say. */
export function endpointReasons({
  state,
  paused,
  consecutive_failures: failures,
  last_error_code: code,
}: EndpointStatus): string[] {
  const reasons = paused.map(
    ({ target, by, reason }) =>
      `${target === 'region' ? 'its region is paused' : 'paused'} by ${by}${reason === null ? '' : `: ${reason}`}`,
  );
  if (failures > 0) {
    const times = failures === 1 ? 'last call failed' : `last ${failures} calls failed`;
    const breaker = state === 'down' ? ', its breaker is open or its dispatcher is gone' : '';
    reasons.push(`${times}${code === null ? '' : ` with ${code}`}${breaker}`);
  } else if (state === 'down') reasons.push('its dispatcher is not heard of');
  return reasons;
}

/** What an order is about. */
export interface Target {
  readonly kind: 'endpoint' | 'region';
  readonly id: string;
}

export const ORDERS = ['pause', 'drain', 'resume', 'warm'] as const;
export type Order = (typeof ORDERS)[number];

/** Orders that would change something now: what is paused by itself is resumed, what is not is paused. */
export function ordersFor(isPausedItself: boolean): readonly Order[] {
  return isPausedItself ? ['resume', 'drain'] : ['pause', 'drain', 'warm'];
}

/** What an order means, before it is given. */
export function orderText(order: Order, { kind }: Target): string {
  const where = kind === 'region' ? 'the region' : 'the endpoint';
  switch (order) {
    case 'pause':
      return `Nothing new is admitted at ${where}. Calls in flight end by themselves; what is pinned there waits, and everything else goes elsewhere.`;
    case 'drain':
      return `As a pause, and ${where} is shown as draining until nothing is in flight.`;
    case 'resume':
      return `Work is admitted at ${where} again. What was paused by another order stays paused.`;
    case 'warm':
      return 'A container is woken and kept. It holds a GPU, and costs, for that long.';
  }
}

/** What became of an order. */
export function orderedText(
  order: Order,
  {
    target,
    change_id: changeId,
    tickets_taken_back: tickets,
    drained,
    left_out: leftOut,
  }: AnswerOf<'/endpoints/{id}/pause', 'post'>,
): string {
  const done = { pause: 'Paused', drain: 'Draining', resume: 'Resumed', warm: 'Keeping warm' }[order];
  const parts = [changeId === null ? `${target.id}: there was nothing to change` : `${done} ${target.id}`];
  if (order === 'drain' && drained) parts.push('nothing is in flight');
  if (tickets > 0) parts.push(`${tickets} ${tickets === 1 ? 'ticket' : 'tickets'} taken back`);
  if (leftOut.length > 0) parts.push(`left out: ${leftOut.join(', ')}`);
  return `${parts.join('; ')}.`;
}

/** What may be asked of a change of the history: those that somebody asked for, and that have not been taken back. */
export function undoableChanges(
  changes: AnswerOf<'/operations/changes', 'get'>['changes'],
): ReadonlySet<number> {
  const undone = new Set(changes.map(({ undoes }) => undoes));
  const latest = new Set<string>();
  return new Set(
    changes
      // Newest first: a thing's later change would be overwritten by undoing an earlier one.
      .filter(({ kind, target }) => {
        const thing = `${kind} ${target}`;
        const isLatest = !latest.has(thing);
        latest.add(thing);
        return isLatest;
      })
      .filter(({ id, cause }) => cause === 'asked' && !undone.has(id))
      .map(({ id }) => id),
  );
}
