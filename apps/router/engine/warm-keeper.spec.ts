import { randomUUID } from 'node:crypto';
import { parseConfiguration, type Configuration } from '#config';
import { holdsGpu, type EndpointView } from '#domain';
import { Metrics, createLogger } from '#observability';
import { readEndpoints, readWarmth } from '#persistence';
import { startTestDatabase, type TestDatabase } from '#testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { QueueView } from '../queue/queue-view.js';
import { Endpoints } from './endpoints.js';
import { WarmKeeper } from './warm-keeper.js';

const CONFIGURED_MS = 300_000;
const HOT_MS = 1_200_000;

describe('keeping endpoints warm', () => {
  let postgres: TestDatabase;
  let told: [endpointId: string, seconds: number][];
  let answer: 'set' | 'unavailable';
  /** Runs while the platform is being told. */
  let meanwhile: () => Promise<void>;
  beforeAll(async () => {
    postgres = await startTestDatabase();
  });
  afterAll(() => postgres.close());
  beforeEach(async () => {
    told = [];
    answer = 'set';
    meanwhile = () => Promise.resolve();
    await postgres.database.query('TRUNCATE endpoint_warmth, endpoint_states, slots, attempts, jobs CASCADE');
  });

  const configurationOf = (warm: string, gpus = 8, keepWarm: object = {}): Configuration =>
    parseConfiguration(
      JSON.stringify({
        limits: { gpus },
        keep_warm: keepWarm,
        regions: { US: {} },
        endpoints: ['a', 'b'].map((id) => ({
          ...{ id, region: 'US', models: [`m-${id}`], url: `https://us.example/${id}` },
          autoscaler_url: `https://us.example/autoscaler/${id}`,
          warm: id === 'a' ? warm : 'off',
        })),
      }),
      'spec',
    );

  const keeperOf = (
    configuration: Configuration,
    retryMs = 0,
  ): { keeper: WarmKeeper; endpoints: Endpoints } => {
    const { database } = postgres;
    const endpoints = new Endpoints(configuration, Date.now());
    const queueView = new QueueView(database, endpoints);
    const control = {
      canBeTold: () => true,
      setWindow: async (endpointId: string, seconds: number) => {
        told.push([endpointId, seconds]);
        await meanwhile();
        return answer;
      },
    };
    const logger = createLogger('spec', 'silent');
    const metrics = new Metrics('spec');
    const keeper = new WarmKeeper({
      ...{ database, configuration, queueView, control, metrics, logger, retryMs },
    });
    return { keeper, endpoints };
  };
  const viewOf = async (endpoints: Endpoints, id = 'a'): Promise<EndpointView> =>
    endpoints
      .views(await readEndpoints(postgres.database, endpoints.ids), Date.now())
      .find(({ spec }) => spec.id === id)!;

  /** An idle container that goes in so many seconds, or went. */
  const idle = (id: string, leftS: number): Promise<unknown> =>
    postgres.database.query(
      `INSERT INTO endpoint_states (endpoint_id, warm_until, gpu_until)
       VALUES ($1, clock_timestamp() + make_interval(secs => $2), clock_timestamp() + make_interval(secs => $2))`,
      [id, leftS],
    );
  const attempted = async (id: string, ...agoS: readonly number[]): Promise<void> => {
    for (const ago of agoS) {
      const jobId = randomUUID();
      await postgres.database.query(
        `INSERT INTO jobs (id, state, model, home_region, region_policy, priority, lane, order_key, max_attempts,
                           timeout_ms, request)
         VALUES ($1, 'completed', 'm-a', 'US', 'pin', 'normal', 'pin:US', 0, 4, 1000, '{}')`,
        [jobId],
      );
      await postgres.database.query(
        `INSERT INTO attempts (job_id, attempt, epoch, endpoint_id, region, status, admitted_at, started_at, finished_at)
         SELECT $1, 1, 1, $2, 'US', 'succeeded', at, at, at + interval '1 second'
           FROM (SELECT clock_timestamp() - make_interval(secs => $3) AS at) AS moment`,
        [jobId, id, ago],
      );
    }
  };

  it('tells the platform once, and remembers it', async () => {
    const { keeper } = keeperOf(configurationOf('on'));
    await keeper.tick();
    await keeper.tick();
    expect(told).toEqual([['a', 1200]]);
    // Another process: it goes on from there.
    await keeperOf(configurationOf('on')).keeper.tick();
    expect(told).toHaveLength(1);
    expect((await readWarmth(postgres.database)).get('a')).toMatchObject({ mode: 'hot', windowMs: HOT_MS });
  });

  it('tells nobody where everything is off, and takes back what is to be off again', async () => {
    await keeperOf(configurationOf('off')).keeper.tick();
    expect(told).toEqual([]);
    await keeperOf(configurationOf('on')).keeper.tick();
    await keeperOf(configurationOf('off')).keeper.tick();
    await keeperOf(configurationOf('off')).keeper.tick();
    expect(told).toEqual([
      ['a', 1200],
      ['a', 300],
    ]);
  });

  it('is hot after four attempts where it goes by use', async () => {
    const { keeper } = keeperOf(configurationOf('auto'));
    await attempted('a', 10, 20, 30);
    await keeper.tick();
    await attempted('a', 5);
    await keeper.tick();
    expect(told).toEqual([
      ['a', 600],
      ['a', 1200],
    ]);
  });

  it('counts the GPU for the longer window before the platform is told of it', async () => {
    const { keeper, endpoints } = keeperOf(configurationOf('on'));
    await idle('a', 100);
    let seen: EndpointView | undefined;
    meanwhile = async () => {
      seen = await viewOf(endpoints);
    };
    await keeper.tick();
    const inMs = 100_000 + HOT_MS - CONFIGURED_MS;
    expect(seen!.spec.scaledownWindowMs).toBe(HOT_MS);
    expect(holdsGpu(seen!, Date.now() + inMs - 10_000)).toBe(true);
    // Not warm for longer before it is known.
    expect(seen!.record.warmUntilMs).toBeLessThan(Date.now() + 110_000);
    expect((await viewOf(endpoints)).record.warmUntilMs).toBeGreaterThan(Date.now() + inMs - 10_000);
  });

  it('goes on counting the longer one while nobody knows, and tries again', async () => {
    const { keeper, endpoints } = keeperOf(configurationOf('on'));
    answer = 'unavailable';
    await keeper.tick();
    expect((await viewOf(endpoints)).spec.scaledownWindowMs).toBe(HOT_MS);
    expect((await readWarmth(postgres.database)).get('a')).toMatchObject({
      mode: 'configured',
      windowMs: CONFIGURED_MS,
    });
    answer = 'set';
    await keeper.tick();
    expect(told).toHaveLength(2);
    expect((await readWarmth(postgres.database)).get('a')).toMatchObject({ mode: 'hot' });
  });

  it('tries again soon, then ever more seldom while nobody can be told, and soon again after it was', async () => {
    const { keeper } = keeperOf(configurationOf('on'), 5000);
    const { database } = postgres;
    const nowMs = async (): Promise<number> => {
      const { rows } = await database.query<{ ms: number }>(
        `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`,
      );
      return rows[0]!.ms;
    };
    /** Until when it is to be left alone, by the database's clock; made to be over. */
    const leftAloneUntilMs = async (): Promise<number> => {
      const { rows } = await database.query<{ ms: number }>(
        `WITH stood AS (SELECT changing_until FROM endpoint_warmth),
              over AS (UPDATE endpoint_warmth SET changing_until = clock_timestamp())
         SELECT (extract(epoch FROM changing_until) * 1000)::float8 AS ms FROM stood`,
      );
      return rows[0]!.ms;
    };
    /** The pause began at some time of the try, which takes long on a busy machine: so long it was at least, and at most. */
    const pauseOfFailure = async (): Promise<{ leastMs: number; mostMs: number }> => {
      answer = 'unavailable';
      const beforeMs = await nowMs();
      await keeper.tick();
      const afterMs = await nowMs();
      const untilMs = await leftAloneUntilMs();
      return { leastMs: untilMs - afterMs, mostMs: untilMs - beforeMs };
    };
    for (const longestMs of [5000, 10_000, 20_000, 30_000, 30_000, 30_000]) {
      const { leastMs, mostMs } = await pauseOfFailure();
      expect(leastMs).toBeLessThanOrEqual(longestMs);
      expect(mostMs).toBeGreaterThan(longestMs / 2);
    }
    answer = 'set';
    await keeper.tick();
    expect((await readWarmth(postgres.database)).get('a')).toMatchObject({ mode: 'hot' });
    await database.query('TRUNCATE endpoint_warmth');
    expect((await pauseOfFailure()).leastMs).toBeLessThanOrEqual(5000);
  });

  it('gives GPUs back where more endpoints want one than there are, although it is on', async () => {
    await idle('a', 100);
    const { keeper } = keeperOf(configurationOf('on', 1));
    await keeper.tick();
    expect(told).toEqual([['a', 1200]]);
    await attempted('b', 20);
    await keeper.tick();
    expect(told).toEqual([
      ['a', 1200],
      ['a', 300],
    ]);
    // What it held because of the longer window it no longer holds.
    const { endpoints } = keeperOf(configurationOf('on', 1));
    const view = await viewOf(endpoints);
    expect(view.spec.scaledownWindowMs).toBe(CONFIGURED_MS);
    expect(holdsGpu(view, Date.now() + CONFIGURED_MS + 1000)).toBe(false);
    expect(view.record.warmUntilMs).toBeLessThan(Date.now() + 110_000);
  });

  it('waits where a container is just about to go: a longer window might keep it without counting', async () => {
    // What is near follows from the window: here it is so long that a machine may stand still meanwhile.
    const patient = (): Configuration =>
      configurationOf('on', 8, { hybrid_window_s: 7200, hot_window_s: 7200 });
    for (const leftS of [30, -30]) {
      await postgres.database.query('TRUNCATE endpoint_states, endpoint_warmth');
      await idle('a', leftS);
      await keeperOf(patient()).keeper.tick();
    }
    expect(told).toEqual([]);
    await postgres.database.query('TRUNCATE endpoint_states');
    await idle('a', -90);
    await keeperOf(patient()).keeper.tick();
    expect(told).toHaveLength(1);
  });

  it('is done by one of two routers that see the same', async () => {
    const first = keeperOf(configurationOf('on')).keeper;
    const second = keeperOf(configurationOf('on')).keeper;
    meanwhile = async () => {
      meanwhile = () => Promise.resolve();
      await second.tick();
    };
    await first.tick();
    expect(told).toHaveLength(1);
  });
});
