/** A bare HTTP client in a process of its own: what the machine charges for answer, wake-up and next request. */
import { Agent } from 'undici';

const [origin, calls] = process.argv.slice(2);
const agent = new Agent({ connections: 1 });
for (let index = 0; index < Number(calls); index += 1) {
  const { body } = await agent.request({
    origin,
    path: '/floor',
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `floor:${index}` },
    body: JSON.stringify({ model: 'floor', prompt: 'x', temperature: 0.1, max_tokens: 512 }),
  });
  await body.json();
}
await agent.destroy();
