import { TokenBucket, type BucketSize } from '#domain';

/** A bucket for each of those that are met, as many as there is room for. */
export class BucketTable {
  /** The one that was used longest ago comes first. */
  private readonly buckets = new Map<string, { readonly bucket: TokenBucket; size: BucketSize }>();

  /** @param max beyond it the one that was used longest ago is forgotten, and would start full again */
  constructor(private readonly max: number) {}

  of(name: string, size: BucketSize, nowMs: number): TokenBucket {
    const entry = this.buckets.get(name) ?? { bucket: new TokenBucket(size, nowMs), size };
    this.buckets.delete(name);
    this.buckets.set(name, entry);
    if (entry.size.perS !== size.perS || entry.size.burst !== size.burst) {
      entry.bucket.resize(size, nowMs);
      entry.size = size;
    }
    if (this.buckets.size > this.max) {
      const [oldest] = this.buckets.keys();
      if (oldest !== undefined) this.buckets.delete(oldest);
    }
    return entry.bucket;
  }

  get size(): number {
    return this.buckets.size;
  }
}
