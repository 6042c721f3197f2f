/** What a tenant has of an endpoint, and when it last got something there. */
export interface TenantShare {
  readonly tenant: string;
  readonly endpointId: string;
  /** Tickets out: calls in flight and those that are staged. */
  readonly inFlight: number;
  /** Unix ms at which it was last given a ticket there; 0: never. */
  readonly servedAtMs: number;
}

interface Share {
  inFlight: number;
  servedAtMs: number;
}

const NOTHING: Readonly<Share> = { inFlight: 0, servedAtMs: 0 };

/** Turns that are taken at one place. */
export interface Turns {
  /** @returns below 0 where it is the left tenant's turn, 0 where nothing tells them apart */
  compare(left: string, right: string): number;
  /** Notes a turn, so that the next one is decided with it. */
  give(tenant: string): void;
}

/**
 * Whose turn it is. At an endpoint the tenant with the fewest calls in flight there goes first, and of those with equally
 * many the one that was served there least recently. Counted for each endpoint by itself: counted over all of
 * them, a tenant with many calls elsewhere would get nothing at an endpoint where another never runs out of work.
 * Only GPUs are shared by all endpoints: who has a claim to one is counted over all.
 */
export class TenantTurns {
  private readonly places = new Map<string, Map<string, Share>>();
  private readonly overall = new Map<string, Share>();
  private latestMs = 0;

  constructor(shares: readonly TenantShare[]) {
    for (const { tenant, endpointId, inFlight, servedAtMs } of shares) {
      this.latestMs = Math.max(this.latestMs, servedAtMs);
      for (const share of [shareIn(this.placeOf(endpointId), tenant), shareIn(this.overall, tenant)]) {
        share.inFlight += inFlight;
        share.servedAtMs = Math.max(share.servedAtMs, servedAtMs);
      }
    }
  }

  /** Turns at an endpoint. Each counts for the claims too. */
  at(endpointId: string): Turns {
    const place = this.placeOf(endpointId);
    return {
      compare: (left, right) => compare(place.get(left), place.get(right)),
      give: (tenant) => {
        this.latestMs += 1;
        take(shareIn(place, tenant), this.latestMs);
        take(shareIn(this.overall, tenant), this.latestMs);
      },
    };
  }

  /** Turns at what all endpoints share, from what is given by now on. They change nothing here: claims are no tickets. */
  claims(): Turns {
    const shares = new Map<string, Share>();
    for (const [tenant, share] of this.overall) shares.set(tenant, { ...share });
    let { latestMs } = this;
    return {
      compare: (left, right) => compare(shares.get(left), shares.get(right)),
      give: (tenant) => {
        latestMs += 1;
        take(shareIn(shares, tenant), latestMs);
      },
    };
  }

  private placeOf(endpointId: string): Map<string, Share> {
    let place = this.places.get(endpointId);
    if (place === undefined) this.places.set(endpointId, (place = new Map<string, Share>()));
    return place;
  }
}

/** @param atMs later than every turn before it: within a plan only the sequence counts */
function take(share: Share, atMs: number): void {
  share.inFlight += 1;
  share.servedAtMs = atMs;
}

/**
 * Takes turns between tenants. Nobody's own work is reordered, and nothing is left free while anybody has work.
 * @param ordered what there is, each tenant's in the sequence in which it is to go
 * @param count how many to take at most
 * @param turns is told of each that is taken
 */
export function drawFairly<T extends { readonly tenant: string }>(
  ordered: readonly T[],
  count: number,
  turns: Turns,
): T[] {
  const queues = [...queuesOf(ordered).values()];
  const drawn: T[] = [];
  while (drawn.length < count) {
    let next: Queue<T> | undefined;
    for (const queue of queues) {
      if (queue.taken === queue.entries.length) continue;
      // Where nothing tells them apart, the first come goes first.
      const isBefore =
        next === undefined || (turns.compare(queue.tenant, next.tenant) || headOf(queue) - headOf(next)) < 0;
      if (isBefore) next = queue;
    }
    const head = next?.entries[next.taken];
    if (next === undefined || head === undefined) break;
    next.taken += 1;
    turns.give(next.tenant);
    drawn.push(head.entry);
  }
  return drawn;
}

interface Queue<T> {
  readonly tenant: string;
  readonly entries: { readonly entry: T; readonly index: number }[];
  taken: number;
}

function queuesOf<T extends { readonly tenant: string }>(ordered: readonly T[]): Map<string, Queue<T>> {
  const queues = new Map<string, Queue<T>>();
  for (const [index, entry] of ordered.entries()) {
    const queue = queues.get(entry.tenant);
    if (queue === undefined)
      queues.set(entry.tenant, { tenant: entry.tenant, entries: [{ entry, index }], taken: 0 });
    else queue.entries.push({ entry, index });
  }
  return queues;
}

/** Place of the queue's head among everybody's. */
function headOf<T>({ entries, taken }: Queue<T>): number {
  return entries[taken]?.index ?? Number.MAX_SAFE_INTEGER;
}

function shareIn(shares: Map<string, Share>, tenant: string): Share {
  let share = shares.get(tenant);
  if (share === undefined) shares.set(tenant, (share = { ...NOTHING }));
  return share;
}

function compare(left: Readonly<Share> = NOTHING, right: Readonly<Share> = NOTHING): number {
  return left.inFlight - right.inFlight || left.servedAtMs - right.servedAtMs;
}

/**
 * How many jobs of others go before a tenant's job, where each of them takes one turn for each of its own.
 * @param own jobs of its own tenant that go before it
 * @param others of each other tenant: how many wait, and whether the next turn is rather theirs
 */
export function aheadUnderFairness(
  own: number,
  others: readonly { readonly waiting: number; readonly goesFirst: boolean }[],
): number {
  return others.reduce(
    (sum, { waiting, goesFirst }) => sum + Math.min(waiting, own + (goesFirst ? 1 : 0)),
    own,
  );
}
