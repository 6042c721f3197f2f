import { afterEach, describe, expect, it } from '@jest/globals';
import {
  COLD_START_S,
  EXECUTION_S,
  SCALEDOWN_S,
  jsonOf,
  served,
  until,
  type Served,
} from '../spec-support.js';

/** Modal's shortest window, and the second in which a deployment looks whether containers are gone. */
const RELEASED_WITHIN_S = 3;

describe('the autoscaler of an endpoint', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  const ask = async (method: string, path: string, body?: unknown, headers = {}): Promise<Response> =>
    fetch(new URL(path, standIn.url), {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const setWindow = async (windowS: number) =>
    ask('PUT', '/us-m/autoscaler', { scaledown_window_s: windowS });
  const containers = (): number => standIn.standIn.simulation.pool('us-m')?.size ?? 0;

  /** Leaves one idle container. */
  async function answerACall(): Promise<void> {
    const { answer } = await standIn.startCall();
    standIn.clock.advance(COLD_START_S + EXECUTION_S);
    expect((await answer).status).toBe(200);
    expect(containers()).toBe(1);
  }

  /** Begun, so that time may pass for it. */
  async function startRelease(timeoutS = 20): Promise<{ answer: Promise<Response> }> {
    const before = standIn.clock.pending;
    const answer = ask('POST', '/us-m/autoscaler/release', { timeout_s: timeoutS });
    await until(() => standIn.clock.pending > before);
    return { answer };
  }

  it('rule 24: keeps idle containers for the window it was told, until the next deploy', async () => {
    standIn = await served();
    await answerACall();
    const told = await setWindow(600);
    expect({ status: told.status, body: await jsonOf(told) }).toEqual({
      status: 200,
      body: { status: 'ok', scaledown_window_s: 600, containers: 1 },
    });
    standIn.clock.advance(599);
    expect(containers()).toBe(1);
    standIn.clock.advance(2);
    expect(containers()).toBe(0);
    await fetch(`${standIn.url}/_stand-in/endpoints/us-m/redeploy`, { method: 'POST' });
    await answerACall();
    standIn.clock.advance(SCALEDOWN_S + 1);
    expect(containers()).toBe(0);
  });

  it("rule 24: its seconds are the caller's, whatever the time scale, and so are their limits", async () => {
    standIn = await served({ time_scale: 60 });
    await answerACall();
    expect(await jsonOf(await setWindow(20))).toMatchObject({ scaledown_window_s: 20 });
    standIn.clock.advance(1199);
    expect(containers()).toBe(1);
    standIn.clock.advance(2);
    expect(containers()).toBe(0);
    expect([(await setWindow(2 / 60)).status, (await setWindow(21)).status]).toEqual([200, 422]);
  });

  it('rule 24: a release gives up an idle container, and the former window is in force again', async () => {
    standIn = await served();
    await answerACall();
    const { answer } = await startRelease();
    standIn.clock.advance(RELEASED_WITHIN_S);
    expect(await jsonOf(await answer)).toEqual({ status: 'released', containers: 0 });
    expect(containers()).toBe(0);
    // Once more changes nothing.
    const again = await ask('POST', '/us-m/autoscaler/release');
    expect(await jsonOf(again)).toEqual({ status: 'released', containers: 0 });
    await answerACall();
    standIn.clock.advance(SCALEDOWN_S - 1);
    expect(containers()).toBe(1);
  });

  it('rule 24: a release stops no call: one that runs, or waits for its container, makes it busy', async () => {
    standIn = await served();
    const { answer } = await standIn.startCall();
    for (const passedS of [0, COLD_START_S + 1]) {
      standIn.clock.advance(passedS);
      const release = await ask('POST', '/us-m/autoscaler/release');
      expect(await jsonOf(release)).toEqual({ status: 'busy', containers: 1 });
    }
    standIn.clock.advance(EXECUTION_S);
    expect((await answer).status).toBe(200);
    standIn.clock.advance(SCALEDOWN_S - 2);
    expect(containers()).toBe(1);
  });

  it('rule 24: a call that comes during a release is answered, and ends it', async () => {
    standIn = await served();
    await answerACall();
    const { answer: release } = await startRelease();
    const { answer } = await standIn.startCall();
    standIn.clock.advance(EXECUTION_S);
    expect(await jsonOf(await release)).toEqual({ status: 'busy', containers: 1 });
    expect((await answer).status).toBe(200);
    standIn.clock.advance(SCALEDOWN_S - 1);
    expect(containers()).toBe(1);
  });

  it('rule 24: a container that must stay makes it busy when the time is up', async () => {
    standIn = await served();
    await answerACall();
    standIn.standIn.simulation.pool('us-m')?.updateAutoscaler({ min_containers: 1 });
    const { answer } = await startRelease(5);
    standIn.clock.advance(5);
    expect(await jsonOf(await answer)).toEqual({ status: 'busy', containers: 1 });
  });

  it('rule 24: what is set during a release is in force after it', async () => {
    standIn = await served();
    await answerACall();
    const { answer } = await startRelease();
    await setWindow(900);
    standIn.clock.advance(RELEASED_WITHIN_S);
    expect(await jsonOf(await answer)).toEqual({ status: 'released', containers: 0 });
    await answerACall();
    standIn.clock.advance(899);
    expect(containers()).toBe(1);
  });

  it('rule 3: wants the credentials that calls want', async () => {
    standIn = await served({ proxy_auth: { key: 'wk-1', secret: 'ws-1' } });
    expect((await setWindow(600)).status).toBe(401);
    const headers = { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' };
    expect((await ask('PUT', '/us-m/autoscaler', { scaledown_window_s: 600 }, headers)).status).toBe(200);
  });

  it.each([
    ['PUT', '/us-m/autoscaler', { scaledown_window_s: 1 }, 422],
    ['PUT', '/us-m/autoscaler', { scaledown_window_s: 1201 }, 422],
    ['PUT', '/us-m/autoscaler', undefined, 422],
    ['POST', '/us-m/autoscaler/release', { timeout_s: 0 }, 422],
    ['POST', '/us-m/autoscaler/release', { timeout_s: 61 }, 422],
    ['POST', '/us-m/autoscaler', { scaledown_window_s: 600 }, 405],
    ['GET', '/us-m/autoscaler/release', undefined, 405],
    ['PUT', '/nobody/autoscaler', { scaledown_window_s: 600 }, 404],
  ])('answers %s %s %j with %i', async (method, path, body, status) => {
    standIn = await served();
    expect((await ask(method, path, body)).status).toBe(status);
  });
});
