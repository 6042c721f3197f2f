import { afterEach, describe, expect, it } from '@jest/globals';
import { COLD_START_S, EXECUTION_S, anEndpoint, served, type Served } from '../spec-support.js';

describe('endpoint protocol modal-hf', () => {
  let standIn: Served;
  afterEach(() => standIn.close());

  it('answers a prompt with everything the contract names', async () => {
    standIn = await served({ endpoints: [anEndpoint({ attested_region: 'us-east', gpu: 'L4' })] });
    const answer = await answered(standIn, {
      model: 'm',
      prompt: 'What is 2+2?',
      temperature: 0.1,
      max_tokens: 64,
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('modal-function-call-id')).toMatch(/^fc-/);
    expect(await answer.json()).toEqual({
      status: 'success',
      response: expect.stringMatching(/4.*\(simulated m\)$/),
      model: 'm',
      inference_time: EXECUTION_S,
      region: 'us-east',
      tokens_generated: expect.any(Number),
      tokens_in: expect.any(Number),
      gpu: 'L4',
      model_revision: expect.stringMatching(/^sim-/),
      cloud_region: 'us-east',
      container_id: expect.stringMatching(/^ta-/),
      cold_start: true,
    });
  });

  it('says how long it worked in the seconds of its caller, who may subtract them from the time the call took', async () => {
    standIn = await served({ time_scale: 10 });
    const answer = await answered(standIn, { model: 'm', prompt: 'Why?' });
    expect(await answer.json()).toMatchObject({ inference_time: EXECUTION_S / 10 });
  });

  it('takes messages as well as a prompt, and fields it does not know', async () => {
    standIn = await served();
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'What is the capital of France?' },
    ];
    const answer = await answered(standIn, { model: 'm', messages, top_p: 1 });
    expect(await answer.json()).toMatchObject({ response: expect.stringContaining('Paris') });
  });

  it.each(['/US/health', '/us-m/health'])('answers %s without waking a GPU', async (path) => {
    standIn = await served({ endpoints: [anEndpoint({ attested_region: 'us-east' })] });
    const answer = await standIn.get(path);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      status: 'healthy',
      models_available: ['m'],
      region: 'us-east',
      cloud_region: 'us-east',
    });
    expect(standIn.standIn.simulation.gpus.used).toBe(0);
  });

  it('serves at a configured path', async () => {
    standIn = await served({ endpoints: [anEndpoint({ path: '/eu/m' })] });
    await standIn.startCall({ path: '/eu/m' });
    expect((await standIn.get('/eu/m/health')).status).toBe(200);
  });

  it('answers GET on a function as the application would', async () => {
    standIn = await served();
    const answer = await standIn.get('/us-m');
    expect(answer.status).toBe(405);
    expect(await answer.json()).toEqual({ detail: 'Method Not Allowed' });
  });
});

async function answered(standIn: Served, body: unknown): Promise<Response> {
  const { answer } = await standIn.startCall({ body });
  standIn.clock.advance(COLD_START_S + EXECUTION_S);
  return answer;
}
