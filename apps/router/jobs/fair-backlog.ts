interface Queue<T> {
  entries: T[];
  next: number;
}

/** Entries that were taken are dropped in lots: shifting a long array one by one costs its length each time. */
const DROPPED_AT_ONCE = 1024;

/** What waits for an insert, by tenant: each batch takes from all of them in turn. */
export class FairBacklog<T extends { readonly tenant: string }> {
  /** Whose turn is next comes first. */
  private readonly queues = new Map<string, Queue<T>>();
  private count = 0;

  /** @param max how many may wait in all */
  constructor(private readonly max: number) {}

  get size(): number {
    return this.count;
  }

  /** @returns false where it is full and the tenant has its share of it: one that has less may still add up to that */
  add(entry: T): boolean {
    const queue = this.queues.get(entry.tenant) ?? { entries: [], next: 0 };
    const own = queue.entries.length - queue.next;
    if (this.count >= this.max && own >= this.max / Math.max(1, this.queues.size)) return false;
    queue.entries.push(entry);
    this.queues.set(entry.tenant, queue);
    this.count += 1;
    return true;
  }

  /** @returns at most this many, in turn from each tenant, each tenant's in the sequence in which they came */
  take(max: number): T[] {
    const taken: T[] = [];
    // A queue that is put back comes up again, after all the others.
    for (const [tenant, queue] of this.queues) {
      if (taken.length >= max) break;
      const entry = queue.entries[queue.next];
      this.queues.delete(tenant);
      if (entry === undefined) continue;
      taken.push(entry);
      queue.next += 1;
      if (queue.next >= DROPPED_AT_ONCE) {
        queue.entries = queue.entries.slice(queue.next);
        queue.next = 0;
      }
      if (queue.next < queue.entries.length) this.queues.set(tenant, queue);
    }
    this.count -= taken.length;
    return taken;
  }
}
