import { describe, expect, it } from '@jest/globals';
import { LocalEndpoint, answering } from '#testing';
import { createRouterClient, type AnswerOf, type BodyOf, type QueryOf, type RunEvent } from './index.js';

/** Compiles where both are the same type. */
type Same<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
const holds = <Is extends true>(is: Is): boolean => is;

type Run = AnswerOf<'/runs/{id}', 'get'>;

// What the compiler finds here is the specification: `npm run check` reads this file, too.
describe('types of the client', () => {
  it('are those of the document', () => {
    expect(holds<Same<Run['progress']['accepted'], number>>(true)).toBe(true);
    expect(holds<Same<Run['finished_at'], string | null>>(true)).toBe(true);
    expect(holds<Same<Run['status'], AnswerOf<'/runs', 'post'>['status']>>(true)).toBe(true);
    expect(
      holds<Same<QueryOf<'/runs/{id}/results', 'get'>['format'], 'json' | 'jsonl' | 'csv' | undefined>>(true),
    ).toBe(true);
    expect(holds<Same<Extract<RunEvent, { type: 'gate.waiting' }>['gate_id'], string>>(true)).toBe(true);

    const body: BodyOf<'/inference/queued', 'post'> = { model: 'llama3.2-1b', prompt: 'x' };
    // @ts-expect-error a job needs a model
    const without: BodyOf<'/inference/queued', 'post'> = { prompt: 'x' };
    // @ts-expect-error there is no such policy
    const odd: BodyOf<'/inference/queued', 'post'> = { model: 'm', region_policy: 'maybe' };
    // @ts-expect-error only operators are told which endpoints have the cells
    type Told = Run['plan']['cells_per_endpoint'];
    expect([body, without, odd] satisfies [unknown, unknown, unknown, Told?]).toHaveLength(3);
  });

  it('let no wrong path, parameter or field compile', async () => {
    const router = await LocalEndpoint.start();
    try {
      router.always(answering(200, { runs: [], next_cursor: null }, { 'content-type': 'application/json' }));
      const client = createRouterClient({ baseUrl: router.origin, key: 'bk_x' });
      const { data } = await client.GET('/runs', { params: { query: { limit: 5 } } });
      expect(data?.runs).toEqual([]);
      // @ts-expect-error there is no such field
      expect(data?.jobs).toBeUndefined();
      // @ts-expect-error there is no such path
      await client.GET('/jobs');
      // @ts-expect-error a run is not made by PUT
      await client.PUT('/runs', { body: {} });
      // @ts-expect-error which run?
      await client.GET('/runs/{id}', {});
      // @ts-expect-error a limit is a number
      await client.GET('/runs', { params: { query: { limit: 'five' } } });
      expect(router.lines[0]).toBe('GET /runs?limit=5');
      expect(router.exchanges[0]!.headers.authorization).toBe('Bearer bk_x');
    } finally {
      await router.close();
    }
  });

  it('makes the same requests where it is lean', async () => {
    const router = await LocalEndpoint.start();
    try {
      router.always(answering(202, { job_id: 'x' }, { 'content-type': 'application/json' }));
      for (const isLean of [false, true]) {
        const client = createRouterClient({ baseUrl: router.origin, key: 'bk_x', isLean });
        const { data, response } = await client.POST('/inference/queued', {
          params: { header: { 'Idempotency-Key': 'k' } },
          body: { model: 'm', prompt: 'x' },
        });
        expect({ data, status: response.status }).toEqual({ data: { job_id: 'x' }, status: 202 });
      }
      const [usual, lean] = router.exchanges.map(({ method, path, headers, body }) => ({
        method,
        path,
        headers,
        body,
      }));
      expect(lean).toEqual(usual);
      expect(usual!.headers['idempotency-key']).toBe('k');
    } finally {
      await router.close();
    }
  });
});
