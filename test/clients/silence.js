import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
const CALLED_MS = 60_000;
const CANCELLED_MS = 60_000;

/**
 * What the tools would meet without signs of life: the gateway answers for a Beacon that it takes for dead.
 * @throws Error where the gateway waited after all: then the evaluations would prove nothing
 */
export async function silenceIsNotBorne(stack, timeScale) {
  await stack.makeCold();
  const begun = performance.now();
  const answer = await fetch(`${stack.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stack.key}`,
      'content-type': 'application/json',
      'x-beacon-keep-alive': 'off',
    },
    body: JSON.stringify({ model: 'mistral-7b@eu', messages: [{ role: 'user', content: 'What is 2+2?' }] }),
  });
  await answer.text();
  if (answer.status !== 504) throw new Error(`a silent Beacon was borne: HTTP ${answer.status}`);
  const waitedS = Math.round(((performance.now() - begun) / 1000) * timeScale);
  const call = await theCall(stack);
  await stack.cancel(call.job_id);
  const deadline = performance.now() + CANCELLED_MS;
  while ((await stack.openJobs()) > 0) {
    if (performance.now() > deadline) throw new Error('the job cannot be cancelled');
    await delay(POLL_MS);
  }
  return `the gateway answers 504 after ${waitedS} s of a cold start`;
}

/** The job goes on without its client, who may have been sent away before it reached the stand-in. */
async function theCall(stack) {
  const deadline = performance.now() + CALLED_MS;
  for (;;) {
    const [call] = (await stack.account()).calls;
    if (call !== undefined) return call;
    if (performance.now() > deadline) throw new Error('the job never reached the stand-in');
    await delay(POLL_MS);
  }
}
