import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { findFreePort } from '#embedded-services';
import { EXIT_PORT_TAKEN } from '../exit-codes.js';
import { choosePort } from './choose-port.js';

const HOST = '127.0.0.1';

describe('the port to serve on', () => {
  let occupier: Server | undefined;
  afterEach(() => void occupier?.close());
  const occupy = async (port: number): Promise<void> => {
    occupier = createServer();
    await new Promise<void>((resolve) => occupier?.listen(port, HOST, resolve));
  };

  it('is the one that was asked for', async () => {
    const port = await findFreePort();
    expect(await choosePort(HOST, port)).toBe(port);
  });

  it('is refused when it was asked for and is taken', async () => {
    const port = await findFreePort();
    await occupy(port);
    const refusal = {
      exitCode: EXIT_PORT_TAKEN,
      message: expect.stringContaining(`port ${port} (BEACON_PORT) is taken`),
    };
    await expect(choosePort(HOST, port)).rejects.toMatchObject(refusal);
  });

  it('is the default or, where that is taken, a free one', async () => {
    const port = await findFreePort();
    expect(await choosePort(HOST, undefined, port)).toBe(port);
    await occupy(port);
    expect(await choosePort(HOST, undefined, port)).not.toBe(port);
  });

  it('is a free one where zero was asked for', async () => {
    expect(await choosePort(HOST, 0)).toBeGreaterThan(0);
  });
});
