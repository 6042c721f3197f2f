import type { EndpointRecord, EndpointView } from '#domain';
import { readEndpoints, writeEndpointRecords, type Queryable } from '#persistence';
import { breakerChanges, type BreakerChange } from './breaker-journal.js';
import type { Endpoints } from './endpoints.js';

type Stored = Awaited<ReturnType<typeof readEndpoints>>;

/** How the endpoints stand within one transaction: as they were read, with what has been decided since. */
export class EndpointBook {
  private readonly before: Stored;
  private readonly changed = new Map<string, EndpointRecord>();

  private constructor(
    private readonly endpoints: Endpoints,
    private readonly stored: Stored,
  ) {
    this.before = new Map(stored);
  }

  static async read(client: Queryable, endpoints: Endpoints): Promise<EndpointBook> {
    return new EndpointBook(endpoints, await readEndpoints(client, endpoints.ids));
  }

  views(): EndpointView[] {
    return this.endpoints.views(this.stored, Date.now());
  }

  change(endpointId: string, record: EndpointRecord): void {
    this.stored.set(endpointId, { record, leases: this.stored.get(endpointId)?.leases ?? 0 });
    this.changed.set(endpointId, record);
  }

  /** A call has ended: its slot is free. */
  freeSlot(endpointId: string, changed: EndpointRecord | undefined): void {
    const found = this.stored.get(endpointId);
    if (found === undefined) return;
    const record = changed ?? found.record;
    this.stored.set(endpointId, { record, leases: found.leases - 1 });
    if (changed !== undefined) this.changed.set(endpointId, record);
  }

  /** What is decided on top of `view`, which stays as it is: admission's choices were made from it. */
  amend(view: EndpointView, change: (record: EndpointRecord) => EndpointRecord): void {
    const { id } = view.spec;
    this.changed.set(id, change(this.changed.get(id) ?? view.record));
  }

  async write(client: Queryable): Promise<void> {
    if (this.changed.size === 0) return;
    await writeEndpointRecords(
      client,
      [...this.changed].map(([endpointId, record]) => ({ endpointId, record })),
    );
  }

  breakerChanges(): BreakerChange[] {
    return breakerChanges(this.before, this.changed);
  }
}
