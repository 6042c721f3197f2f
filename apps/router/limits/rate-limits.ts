import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Configuration } from '#config';
import { ProblemError } from '#contracts';
import type { BucketSize, Caller, ErrorCode, TokenBucket } from '#domain';
import { callerAddress } from '../http/caller-address.js';
import { BucketTable } from './bucket-table.js';
import type { LimitLog } from './limit-log.js';

export type RateSettings = Pick<
  Configuration['limits'],
  'requests_per_s_per_key' | 'burst_per_key' | 'requests_per_s_in_all' | 'burst_in_all' | 'wrong_keys_per_min'
>;

/** Keys, and addresses, whose requests are remembered at once. */
const REMEMBERED = 10_000;

/** Whoever watches over Beacon must be able to when it is busiest. */
const EXEMPT: ReadonlySet<string> = new Set(['GET /metrics']);

/**
 * How many requests callers may make. Every router counts by itself: with several, a caller may make as many at each.
 * Other processes of Beacon are never refused.
 */
export class RateLimits {
  private readonly keys = new BucketTable(REMEMBERED);
  private readonly all = new BucketTable(1);
  private readonly wrongKeys = new BucketTable(REMEMBERED);
  /** Digests of what was let in lately. */
  private readonly goodKeys = new Set<string>();

  /** @param settings asked for at every request: they may change while the process runs */
  constructor(
    private readonly settings: () => RateSettings,
    private readonly log: LimitLog,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /**
   * Counts a request.
   * @param route as OpenAPI spells it
   * @throws ProblemError RATE_LIMIT_REACHED
   */
  take(caller: Caller, route: string, reply: FastifyReply): void {
    if (caller.kind === 'service' || EXEMPT.has(route)) return;
    const nowMs = this.nowMs();
    const own = this.limitOfKey(caller);
    const ofKey = own === undefined ? undefined : this.keys.of(own.keyId, own.size, nowMs);
    if (own !== undefined && ofKey !== undefined) {
      const waitMs = ofKey.waitMs(nowMs);
      this.tell(reply, own.size, ofKey, waitMs === 0 ? 1 : 0, nowMs);
      if (waitMs > 0) {
        this.log.refused('requests_of_key', { key_id: own.keyId, tenant: caller.tenant });
        throw refusal(own.name, `key "${own.keyId}" may make ${rateOf(own.size)}`, waitMs);
      }
    }
    const { requests_per_s_in_all: perS, burst_in_all: burst } = this.settings();
    if (perS > 0) {
      const waitMs = this.all.of('all', { perS, burst }, nowMs).take(nowMs);
      if (waitMs > 0) {
        this.log.refused('requests_in_all', { key_id: caller.keyId, tenant: caller.tenant });
        const whose = `all callers together may make ${rateOf({ perS, burst })}`;
        throw refusal('limits.requests_per_s_in_all', whose, waitMs);
      }
    }
    // Only now: what is refused for the sake of all takes nothing from the key.
    ofKey?.take(nowMs);
  }

  /**
   * Lets a request be authenticated unless too many wrong keys came from its address. A key that was good lately is
   * tried all the same: behind one address there may be many callers, and one of them must not shut out the others.
   * @throws ProblemError RATE_LIMIT_REACHED, and whatever `authenticate` throws
   */
  async slowGuessing(request: FastifyRequest, authenticate: () => Caller | Promise<Caller>): Promise<Caller> {
    const { authorization } = request.headers;
    // Without a key there is nothing to guess.
    if (authorization === undefined) return authenticate();
    return this.slow(callerAddress(request), authorization, 'UNAUTHENTICATED', authenticate);
  }

  /**
   * As `slowGuessing`, of another secret than a key.
   * @param kind tells secrets of one text apart
   * @param wrong what `attempt` throws where the secret is wrong
   */
  slowGuessingOf(
    kind: string,
    { address, secret }: { readonly address: string; readonly secret: string },
    wrong: ErrorCode,
    attempt: () => void,
  ): Promise<void> {
    return this.slow(address, `${kind} ${secret}`, wrong, attempt);
  }

  private async slow<T>(
    address: string,
    secret: string,
    wrong: ErrorCode,
    attempt: () => T | Promise<T>,
  ): Promise<T> {
    const digest = createHash('sha256').update(secret).digest('base64');
    if (!this.goodKeys.has(digest)) this.mayTry(address);
    try {
      const result = await attempt();
      this.remember(digest);
      return result;
    } catch (error) {
      if (error instanceof ProblemError && error.code === wrong) {
        this.goodKeys.delete(digest);
        this.countRefusal(address);
      }
      throw error;
    }
  }

  /** @throws ProblemError RATE_LIMIT_REACHED where too many wrong keys came from an address */
  mayTry(address: string): void {
    const waitMs = this.guessesOf(address)?.waitMs(this.nowMs()) ?? 0;
    if (waitMs === 0) return;
    this.log.refused('wrong_keys', { address });
    const { wrong_keys_per_min: perMin } = this.settings();
    throw refusal(
      'limits.wrong_keys_per_min',
      `${perMin} wrong keys per minute may come from one address`,
      waitMs,
    );
  }

  /** Notes a wrong key. */
  countRefusal(address: string): void {
    this.guessesOf(address)?.take(this.nowMs());
  }

  private guessesOf(address: string): TokenBucket | undefined {
    const { wrong_keys_per_min: perMin } = this.settings();
    if (perMin === 0) return undefined;
    return this.wrongKeys.of(networkOf(address), { perS: perMin / 60, burst: perMin }, this.nowMs());
  }

  private remember(digest: string): void {
    this.goodKeys.delete(digest);
    this.goodKeys.add(digest);
    if (this.goodKeys.size <= REMEMBERED) return;
    const [oldest] = this.goodKeys;
    if (oldest !== undefined) this.goodKeys.delete(oldest);
  }

  private limitOfKey({
    keyId,
    limits,
  }: Caller): { keyId: string; name: string; size: BucketSize } | undefined {
    if (keyId === null) return undefined;
    const settings = this.settings();
    const { requests_per_s: own, burst } = limits;
    const perS = own ?? settings.requests_per_s_per_key;
    if (perS === 0) return undefined;
    const usual = own === undefined ? settings.burst_per_key : Math.max(1, Math.ceil(own));
    const name = own === undefined ? 'limits.requests_per_s_per_key' : 'requests_per_s of the key';
    return { keyId, name, size: { perS, burst: Math.max(1, burst ?? usual) } };
  }

  /** The usual headers, so that a client can keep below the limit. */
  private tell(
    reply: FastifyReply,
    size: BucketSize,
    bucket: TokenBucket,
    taking: number,
    nowMs: number,
  ): void {
    void reply.header('ratelimit-limit', String(size.burst));
    void reply.header('ratelimit-remaining', String(Math.max(0, bucket.left(nowMs) - taking)));
    void reply.header(
      'ratelimit-reset',
      String(Math.ceil(bucket.fullInMs(nowMs) / 1000 + taking / size.perS)),
    );
  }
}

function rateOf({ perS, burst }: BucketSize): string {
  return `${perS} requests per second, ${burst} at once`;
}

function refusal(limit: string, whose: string, waitMs: number): ProblemError {
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  const message = `${whose}; try again in ${retryAfterS} s`;
  return new ProblemError('RATE_LIMIT_REACHED', `${limit}: ${message}`, [{ field: limit, message }], {
    retryAfterS,
  });
}

/** Whoever has one address of IPv6 has all those of its network of 64 bits. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array.from({ length: zeros }, () => '0'), ...back].slice(0, 4).join(':');
}
