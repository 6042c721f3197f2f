import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '#contracts';
import type { Caller, KeyLimits } from '#domain';
import { Metrics, createLogger } from '#observability';
import { BucketTable } from './bucket-table.js';
import { LimitLog } from './limit-log.js';
import { RateLimits, networkOf, type RateSettings } from './rate-limits.js';

const NONE: RateSettings = {
  ...{ requests_per_s_per_key: 0, burst_per_key: 1, requests_per_s_in_all: 0, burst_in_all: 1 },
  wrong_keys_per_min: 0,
};
const ROUTE = 'GET /queue/status';

function someLimits(settings: Partial<RateSettings>) {
  const now = { ms: 0 };
  const current = { ...NONE, ...settings };
  const log = new LimitLog(new Metrics('test'), createLogger('test', 'silent'));
  const headers: Record<string, string> = {};
  const reply = {
    header: (name: string, value: string) => (headers[name] = value),
  } as unknown as FastifyReply;
  const limits = new RateLimits(
    () => current,
    log,
    () => now.ms,
  );
  const take = (caller: Caller, route = ROUTE): ProblemError | undefined => {
    try {
      limits.take(caller, route, reply);
      return undefined;
    } catch (error) {
      return error as ProblemError;
    }
  };
  return { limits, take, now, headers, current };
}

function caller(keyId: string | null, limits: KeyLimits = {}, kind: Caller['kind'] = 'key'): Caller {
  return { kind, tenant: keyId ?? 'local', keyId, roles: ['admin'], limits, requestId: null };
}

describe('how many requests callers may make', () => {
  it('each key has a limit of its own, and what a key sets counts instead of what all have', () => {
    const { take, now, headers } = someLimits({ requests_per_s_per_key: 2, burst_per_key: 2 });
    expect([1, 2, 3].map(() => take(caller('a'))?.code)).toEqual([
      undefined,
      undefined,
      'RATE_LIMIT_REACHED',
    ]);
    expect(take(caller('b'))).toBeUndefined();
    expect(take(caller('a'))).toMatchObject({
      detail: expect.stringMatching(
        /^limits\.requests_per_s_per_key: key "a" may make 2 requests per second, 2 at once/,
      ),
      retryAfterS: 1,
    });
    expect(headers).toEqual({ 'ratelimit-limit': '2', 'ratelimit-remaining': '0', 'ratelimit-reset': '1' });
    now.ms += 500;
    expect(take(caller('a'))).toBeUndefined();
    const own = caller('c', { requests_per_s: 0.1 });
    expect([take(own), take(own)?.retryAfterS]).toEqual([undefined, 10]);
    const lifted = caller('d', { requests_per_s: 0 });
    for (let count = 0; count < 10; count += 1) expect(take(lifted)).toBeUndefined();
  });

  it('all callers together have one, which keys do not pay for when it refuses them', () => {
    const settings = {
      requests_per_s_per_key: 1,
      burst_per_key: 2,
      requests_per_s_in_all: 1,
      burst_in_all: 1,
    };
    const { take, now } = someLimits(settings);
    expect(take(caller(null, {}, 'local'))).toBeUndefined();
    expect(take(caller('a'))?.detail).toMatch(
      /^limits\.requests_per_s_in_all: all callers together may make 1 /,
    );
    for (let second = 0; second < 2; second += 1) {
      now.ms += 1000;
      expect(take(caller('a'))).toBeUndefined();
    }
  });

  it('without limits, from other processes of Beacon, and about metrics, nothing is refused', () => {
    const strict = someLimits({ requests_per_s_per_key: 1, burst_per_key: 1, requests_per_s_in_all: 1 });
    const none = someLimits({});
    for (let count = 0; count < 5; count += 1) {
      expect(strict.take(caller('a', {}, 'service'))).toBeUndefined();
      expect(strict.take(caller('a'), 'GET /metrics')).toBeUndefined();
      expect(none.take(caller('a'))).toBeUndefined();
    }
    expect(strict.take(caller('a'))).toBeUndefined();
    expect(strict.take(caller('a'))?.code).toBe('RATE_LIMIT_REACHED');
  });

  it('a limit that is changed holds from the next request on', () => {
    const { take, current } = someLimits({ requests_per_s_per_key: 1, burst_per_key: 1 });
    expect([take(caller('a')), take(caller('a'))?.code]).toEqual([undefined, 'RATE_LIMIT_REACHED']);
    current.requests_per_s_per_key = 0;
    expect(take(caller('a'))).toBeUndefined();
  });

  it('remembers as many as there is room for, however many come', () => {
    const table = new BucketTable(3);
    for (let index = 0; index < 100; index += 1) table.of(`k${index}`, { perS: 1, burst: 1 }, 0).take(0);
    expect(table.size).toBe(3);
    expect(table.of('k99', { perS: 1, burst: 1 }, 0).take(0)).toBe(1000);
    expect(table.of('k0', { perS: 1, burst: 1 }, 0).take(0)).toBe(0);
  });
});

describe('wrong keys', () => {
  const from = (ip: string, key?: string) =>
    ({ ip, headers: key === undefined ? {} : { authorization: `Bearer ${key}` } }) as FastifyRequest;
  const tryWith = async (limits: RateLimits, request: FastifyRequest): Promise<string> => {
    const authenticate = (): Caller => {
      if (request.headers.authorization === 'Bearer good') return caller('good');
      throw new ProblemError('UNAUTHENTICATED', 'no such key');
    };
    return limits.slowGuessing(request, authenticate).then(
      () => 'in',
      (error: unknown) => (error as ProblemError).code,
    );
  };

  it('are limited per address; a good one that is known is let in all the same, until it is good no more', async () => {
    const { limits, now } = someLimits({ wrong_keys_per_min: 2 });
    const outcomes = async (...requests: FastifyRequest[]) => {
      const told = [];
      for (const request of requests) told.push(await tryWith(limits, request));
      return told;
    };
    const wrong = from('192.0.2.1', 'wrong');
    expect(await outcomes(from('192.0.2.1', 'good'), wrong, wrong, wrong)).toEqual([
      ...['in', 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'RATE_LIMIT_REACHED'],
    ]);
    expect(await outcomes(from('192.0.2.1', 'good'), from('192.0.2.1'), from('192.0.2.2', 'wrong'))).toEqual([
      ...['in', 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
    ]);
    now.ms += 30_000;
    expect(await outcomes(wrong, wrong)).toEqual(['UNAUTHENTICATED', 'RATE_LIMIT_REACHED']);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
