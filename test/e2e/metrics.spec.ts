import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crashes, deploymentOf, findPromtool, hangs, startBeacon, until, type Beacon } from '#testing';

let beacon: Beacon;

beforeAll(async () => {
  beacon = await startBeacon({
    configuration: deploymentOf(
      {
        'm-well': [{ region: 'US', concurrency: 2 }],
        'm-flaky': ['US', 'EU'],
        'm-busy': ['EU'],
        'm-away': ['ASIA'],
      },
      { limits: { endpoints: 5, gpus: 4 } },
    ),
    dispatchers: ['US', 'EU'],
  });
});
afterAll(() => beacon?.stop());

/** `name{label="value",…}` of every series with its value; labels in the order of the alphabet, without `service`. */
async function scrape(): Promise<Map<string, number>> {
  const { body, status } = await beacon.client.request<{ text: string }>('/metrics');
  expect(status).toBe(200);
  const series = new Map<string, number>();
  for (const [, name = '', labels = '', value] of body.text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const all = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => ({ key, text }));
    // A gauge without labels stands at 0 in every process: the router's is the one.
    if (all.some(({ key, text }) => key === 'service' && text !== 'router')) continue;
    const shown = all.flatMap(({ key, text }) => (key === 'service' ? [] : [`${key}="${text}"`])).sort();
    series.set(shown.length === 0 ? name : `${name}{${shown.join(',')}}`, Number(value));
  }
  return series;
}

async function check(program: string, parameters: readonly string[], input: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(program, parameters, (_error, stdout, stderr) => resolve(stdout + stderr));
    child.stdin?.end(input);
  });
}

describe('GET /metrics', () => {
  it('is what Prometheus takes, and names metrics as it recommends', async () => {
    const { client, upstream } = beacon;
    upstream.next('US/m-flaky', crashes);
    for (const model of ['m-well', 'm-flaky']) {
      const { job_id: jobId } = await client.queue({ model, prompt: 'x', region_preference: 'US' });
      await client.untilEnded(jobId);
    }
    const { path } = await findPromtool({
      environment: process.env,
      cacheDir: new URL('../../.beacon/tools', import.meta.url).pathname,
    });
    let text = '';
    await until('a dispatcher has told its own', async () => {
      ({ text } = (await client.request<{ text: string }>('/metrics')).body);
      return text.includes('service="dispatcher-US"');
    });
    // Those that come with the runtime are named as they are.
    const said = (await check(path, ['check', 'metrics'], text)).split('\n');
    expect(said.filter((line) => line !== '' && !/^(nodejs|process)_/.test(line))).toEqual([]);
    const broken = await check(path, ['check', 'metrics'], `${text}beacon_jobs_total{ 1\n`);
    expect(broken).toContain('error while linting');
  }, 900_000);

  it('says why jobs wait, what is away, and what is used of what there is', async () => {
    const { client, upstream } = beacon;
    upstream.from('EU/m-busy', hangs);
    const busy = await client.queue({ model: 'm-busy', prompt: 'first' });
    await upstream.call('EU/m-busy');
    await client.queue({ model: 'm-busy', prompt: 'second' });
    await client.queue({ model: 'm-away', prompt: 'x', region_preference: 'ASIA', region_policy: 'pin' });
    // The router believes in a dispatcher that it has never heard of for its first eight seconds.
    // A machine that stands still for seconds silences the others for a moment, too.
    await until('all of it is said', async () => {
      const series = await scrape();
      const value = (name: string): number | undefined => series.get(name);
      expect(value('beacon_dispatcher_alive{region="ASIA"}')).toBe(0);
      expect(value('beacon_queue_waiting{reason="no_dispatcher",region="ASIA"}')).toBe(1);
      expect(value('beacon_queue_waiting{reason="warming",region="EU"}')).toBe(1);
      expect(value('beacon_queue_waiting{reason="busy",region="US"}')).toBe(0);
      expect(value('beacon_dispatcher_alive{region="US"}')).toBe(1);
      expect(value('beacon_dependency_up{dependency="database"}')).toBe(1);
      expect(value('beacon_dependency_up{dependency="nats"}')).toBe(1);
      expect(value('beacon_gpu_limit')).toBe(4);
      expect(value('beacon_endpoint_concurrency{endpoint="US-m-well"}')).toBe(2);
      expect(value('beacon_slots_quarantined{endpoint="EU-m-busy"}')).toBe(0);
      expect(value('beacon_endpoint_state{endpoint="EU-m-busy",region="EU",state="warming"}')).toBe(1);
      expect(value('beacon_key_budgets{used="used_up"}')).toBe(0);
      expect(value('beacon_process_start_time_seconds')).toBeGreaterThan(1.7e9);
      return true;
    });
    await client.cancel(busy.job_id);
  });

  it('counts slots whose holder has fallen silent', async () => {
    const { client, upstream } = beacon;
    upstream.from('US/m-well', hangs);
    const { job_id: jobId } = await client.queue({ model: 'm-well', prompt: 'silence' });
    await upstream.call('US/m-well', 2);
    await client.untilJob(jobId, 'processing');
    await until('its call is written down', async () => (await beacon.noteOf(jobId))?.calls.length === 1);
    beacon.dispatcher('US').link.cut();
    const quarantined = 'beacon_slots_quarantined{endpoint="US-m-well"}';
    await until('the slot is silent', async () => (await scrape()).get(quarantined) === 1);
    beacon.dispatcher('US').link.heal();
    await until('its holder is back', async () => (await scrape()).get(quarantined) === 0);
  });

  it('counts budgets by how much of them is used', async () => {
    const { database } = beacon;
    await database.query(
      `INSERT INTO api_keys (key_id, name, tenant, hash, roles, limits, expires_at)
       SELECT 'k' || n, 'k' || n, 't', repeat('0' || n, 32), '{submit}',
              '{"budget_micro_usd_per_day": 1000}', NULL
         FROM generate_series(1, 3) AS n`,
    );
    await database.query(
      `INSERT INTO ledger_days (key_id, day, micro_usd)
       SELECT 'k' || n, (clock_timestamp() AT TIME ZONE 'UTC')::date, used
         FROM (VALUES (1, 100), (2, 850), (3, 2500)) AS spent (n, used)`,
    );
    const series = await scrape();
    for (const band of ['below_80', 'from_80', 'used_up'])
      expect(series.get(`beacon_key_budgets{used="${band}"}`)).toBe(1);
    expect(series.get('beacon_key_budget_used_max_ratio')).toBe(2.5);
  });

  it('answers while NATS is away, and says so', async () => {
    const nats = 'beacon_dependency_up{dependency="nats"}';
    await beacon.nats.loseStore();
    const series = await until('NATS is away', async () => {
      const now = await scrape();
      return now.get(nats) === 0 ? now : undefined;
    });
    expect(series.get('beacon_dependency_up{dependency="database"}')).toBe(1);
    await beacon.nats.restart();
    await until('NATS is back', async () => (await scrape()).get(nats) === 1);
  });
});
