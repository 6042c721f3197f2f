import { shareOf, type ClaimedWebhook, type DeliveryShares } from '#persistence';

/** Deliveries under way at once, of one sender. */
export interface PlaceLimits {
  readonly inAll: number;
  readonly ofTenant: number;
  readonly ofReceiver: number;
}

/** A receiver that hangs holds ten for 10 s each; a tenant all of whose receivers hang, a quarter of all. */
const LIMITS: PlaceLimits = { inAll: 100, ofTenant: 25, ofReceiver: 10 };

type Holder = Pick<ClaimedWebhook, 'tenant' | 'receiver'>;

/** Who holds how many of a sender's places. */
export class DeliveryPlaces {
  private readonly byTenant = new Map<string, number>();
  private readonly byReceiver = new Map<string, number>();
  private readonly byBoth = new Map<string, number>();
  private taken = 0;

  constructor(private readonly limits: PlaceLimits = LIMITS) {}

  get free(): number {
    return this.limits.inAll - this.taken;
  }

  shares(): DeliveryShares {
    return {
      tenantMax: this.limits.ofTenant,
      receiverMax: this.limits.ofReceiver,
      byTenant: Object.fromEntries(this.byTenant),
      byReceiver: Object.fromEntries(this.byReceiver),
      byBoth: Object.fromEntries(this.byBoth),
    };
  }

  take({ tenant, receiver }: Holder): void {
    this.taken += 1;
    add(this.byTenant, tenant, 1);
    add(this.byReceiver, receiver, 1);
    add(this.byBoth, shareOf({ tenant, receiver }), 1);
  }

  /** @returns whether somebody may have waited for this place */
  release({ tenant, receiver }: Holder): boolean {
    const { inAll, ofTenant, ofReceiver } = this.limits;
    const wasFull =
      this.taken >= inAll ||
      (this.byTenant.get(tenant) ?? 0) >= ofTenant ||
      (this.byReceiver.get(receiver) ?? 0) >= ofReceiver;
    this.taken -= 1;
    add(this.byTenant, tenant, -1);
    add(this.byReceiver, receiver, -1);
    add(this.byBoth, shareOf({ tenant, receiver }), -1);
    return wasFull;
  }
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
