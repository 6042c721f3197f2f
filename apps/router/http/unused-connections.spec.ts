import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { deploymentOf, startBeacon } from '#testing';

it('a server that stops does not wait for connections over which nothing was ever asked', async () => {
  const beacon = await startBeacon({ configuration: deploymentOf({ m: ['US'] }), dispatchers: [] });
  try {
    const socket = connect(Number(new URL(beacon.url).port), '127.0.0.1');
    await once(socket, 'connect');
    await beacon.client.request('/health/live');
    const closed = once(socket, 'close');
    await beacon.stopRouter();
    await closed;
    expect(socket.destroyed).toBe(true);
  } finally {
    await beacon.stop();
  }
});
