import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunCellsView, RunTimelineView } from '#contracts';
import { startBeacon, type Beacon } from '#testing';

const OPERATOR = 'operator-key-0123456789';
const CUSTOMER = 'customer-key-0123456789';
const STRANGER = 'stranger-key-0123456789';

let beacon: Beacon;
beforeAll(async () => {
  beacon = await startBeacon({
    configuration: (url) =>
      JSON.stringify({
        limits: { endpoints: 2, gpus: 2 },
        regions: { US: {}, EU: {} },
        endpoints: ['US', 'EU'].map((region) => ({
          ...{ id: `${region}-m1`, region, models: ['m1'], url: `${url}/${region}` },
        })),
      }),
    dispatchers: [],
    keys: {
      [OPERATOR]: { roles: ['admin'] },
      [CUSTOMER]: { roles: ['submit'], tenant: 'customer' },
      [STRANGER]: { roles: ['submit'], tenant: 'stranger' },
    },
  });
});
afterAll(() => beacon.stop());

async function submit(questions: number, repeats = 1): Promise<string> {
  const { status, body } = await beacon.client.as(CUSTOMER).request<{ run_id: string }>('/runs', {
    json: {
      questions: Array.from({ length: questions }, (_, index) => ({ id: `q${index + 1}`, text: 'why?' })),
      ...{ models: ['m1'], regions: ['US', 'EU'], repeats },
    },
  });
  expect(status).toBe(202);
  return body.run_id;
}
const cellsOf = async (key: string, runId: string, cursor = 0): Promise<RunCellsView> =>
  (await beacon.client.as(key).request<RunCellsView>(`/runs/${runId}/cells?cursor=${cursor}`)).body;

describe('how the cells of a run stand', () => {
  it('is a letter each, repeat after repeat and pair after pair, with the event up to which it is true', async () => {
    const runId = await submit(2, 2);
    expect(await cellsOf(CUSTOMER, runId)).toEqual({
      ...{ run_id: runId, status: 'planned', repeats: 2, last_event_id: '0', next_cursor: null },
      pairs: [
        { model: 'm1', region: 'US' },
        { model: 'm1', region: 'EU' },
      ],
      questions: [
        { question_id: 'q1', cells: 'pppp', failures: {} },
        { question_id: 'q2', cells: 'pppp', failures: {} },
      ],
    });
    const state = (question: string, region: string, repeat: number, value: string): Promise<unknown> =>
      beacon.database.query(
        `UPDATE cells SET state = $5 WHERE run_id = $1 AND question_id = $2 AND region = $3 AND repeat = $4`,
        [runId, question, region, repeat, value],
      );
    await state('q1', 'EU', 1, 'submitted');
    await state('q1', 'US', 2, 'failed');
    await state('q2', 'EU', 2, 'cancelled');
    await state('q2', 'US', 2, 'failed');
    await beacon.database.query(
      `UPDATE cells SET error_code = 'BUDGET_REACHED' WHERE run_id = $1 AND question_id = 'q2' AND state IN ('failed', 'cancelled')`,
      [runId],
    );
    await beacon.database.query(
      `UPDATE cells SET state = 'accepted', answer = 'because', answered_region = 'US'
        WHERE run_id = $1 AND question_id = 'q2' AND region = 'US' AND repeat = 1`,
      [runId],
    );
    const { rows } = await beacon.database.query<{ seq: string }>(
      `INSERT INTO run_events (run_id, type, data) VALUES ($1, 'run.started', '{"order":"pipeline"}') RETURNING seq`,
      [runId],
    );
    const seen = await cellsOf(CUSTOMER, runId);
    expect(seen.questions.map(({ cells }) => cells)).toEqual(['prfp', 'apfc']);
    // One without a code has none; one that did not fail has none whatever it met before.
    expect(seen.questions.map(({ failures }) => failures)).toEqual([{}, { BUDGET_REACHED: [2] }]);
    expect(seen.last_event_id).toBe(rows[0]!.seq);
    expect(await cellsOf(OPERATOR, runId)).toEqual(seen);
    expect((await beacon.client.as(STRANGER).request(`/runs/${runId}/cells`)).status).toBe(404);
  });

  it('comes in pages where there are many, cells without rows among them', async () => {
    const runId = await submit(250, 100);
    const ids: string[] = [];
    let cursor: number | null = 0;
    let pages = 0;
    while (cursor !== null) {
      const page = await cellsOf(CUSTOMER, runId, cursor);
      expect(page.questions.every(({ cells }) => cells === 'p'.repeat(200))).toBe(true);
      ids.push(...page.questions.map(({ question_id: id }) => id));
      cursor = page.next_cursor;
      pages += 1;
    }
    expect([pages, ids.length, new Set(ids).size]).toEqual([3, 250, 250]);
  });
});

describe('what the containers of a run did', () => {
  it('is told in intervals, those close together as one, before what was planned; to customers without endpoints', async () => {
    const runId = await submit(4);
    await beacon.database.query(
      `UPDATE runs SET status = 'completed', started_at = '2026-01-01T00:00:00Z', finished_at = '2026-01-01T00:10:00Z'
        WHERE id = $1`,
      [runId],
    );
    const entry = (kind: 'call' | 'idle', from: number, to: number, coldMs = 0, outcome = 'succeeded') =>
      beacon.database.query(
        `INSERT INTO ledger_entries (began_at, at, kind, call_id, job_id, attempt, epoch, call_no, run_id, tenant, model,
                                     region, endpoint_id, provider, outcome, accepted, cold_start, estimated, duration_ms,
                                     cold_start_ms, busy_ms, idle_ms, total_micro_usd, unpriced, prices_from)
         SELECT zero + $3 * interval '1 s', zero + $4 * interval '1 s', $1, gen_random_uuid(), gen_random_uuid(), 1, 1, 1, $2,
                'customer', 'm1', 'US', 'US-m1', 'modal', $6, true, $5::integer > 0, false, 0, $5, 0, 0, 0, true, zero
           FROM (SELECT '2026-01-01T00:00:00Z'::timestamptz AS zero) AS given`,
        [kind, runId, from, to, coldMs, outcome],
      );
    await entry('call', 10, 130, 90_000);
    await entry('idle', 130, 130.2);
    await entry('call', 130.2, 160);
    await entry('call', 160.1, 200, 0, 'failed');
    await entry('idle', 200, 500);

    const path = `/runs/${runId}/timeline`;
    const { body } = await beacon.client.as(OPERATOR).request<RunTimelineView>(path);
    expect(body).toMatchObject({
      ...{ run_id: runId, zero_at: '2026-01-01T00:00:00.000Z', as_of: '2026-01-01T00:10:00.000Z' },
      ...{ gpu_limit: 2, truncated: false },
    });
    expect(body.lanes.map(({ endpoint_id: id, calls }) => [id, calls])).toEqual([
      ['US-m1', 3],
      ['EU-m1', 0],
    ]);
    const [lane] = body.lanes;
    expect(lane).toMatchObject({ regions: ['US'], models: ['m1'], failed_calls: 1 });
    expect(lane!.intervals).toEqual([
      { state: 'warming', from_s: 10, to_s: 100, calls: 0 },
      { state: 'busy', from_s: 100, to_s: 200, calls: 3 },
      { state: 'idle', from_s: 200, to_s: 500, calls: 0 },
    ]);
    // Nothing was learned: 150 s for a cold start and 30 s a call are assumed.
    expect(lane!.planned.map(({ state }) => state)).toEqual(['warming', 'busy', 'idle']);
    expect(lane!.planned[0]).toEqual({ state: 'warming', from_s: 0, to_s: 150 });
    expect(lane!.planned[1]).toEqual({ state: 'busy', from_s: 150, to_s: 270 });
    expect(body.planned_makespan_s).toBe(270);

    const charter = await beacon.client.as(CUSTOMER).request<RunTimelineView>(path);
    expect(charter.status).toBe(200);
    expect(charter.body).toEqual({
      ...body,
      lanes: body.lanes.map(({ endpoint_id: _id, ...rest }) => rest),
    });
    expect((await beacon.client.as(STRANGER).request(path)).status).toBe(404);

    // A plan that was too long to be kept whole.
    await beacon.database.query(
      `UPDATE runs SET planned_timeline = jsonb_set(planned_timeline, '{0,goes_on_until_s}', '9000') WHERE id = $1`,
      [runId],
    );
    const { body: cut } = await beacon.client.as(OPERATOR).request<RunTimelineView>(path);
    expect(cut).toEqual({ ...body, truncated: true, planned_makespan_s: 9000 });
  });
});
