import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { isPortFree } from '#embedded-services';
import { EXIT_PORT_TAKEN } from '../exit-codes.js';
import { choosePort } from './choose-port.js';

const HOST = '127.0.0.1';
/** None of those that systems give to who asks for any: whatever else goes on on this machine takes none of these. */
const NEVER_GIVEN = { least: 20_000, most: 29_999 };

async function aFreePort(): Promise<number> {
  const { least, most } = NEVER_GIVEN;
  for (;;) {
    const port = least + Math.floor(Math.random() * (most - least + 1));
    if (await isPortFree(port, HOST)) return port;
  }
}

describe('the port to serve on', () => {
  let occupier: Server | undefined;
  afterEach(() => void occupier?.close());
  const occupy = async (port: number): Promise<void> => {
    occupier = createServer();
    await new Promise<void>((resolve) => occupier?.listen(port, HOST, resolve));
  };

  it('is the one that was asked for', async () => {
    const port = await aFreePort();
    expect(await choosePort(HOST, port)).toBe(port);
  });

  it('is refused when it was asked for and is taken', async () => {
    const port = await aFreePort();
    await occupy(port);
    const refusal = {
      exitCode: EXIT_PORT_TAKEN,
      message: expect.stringContaining(`port ${port} (BEACON_PORT) is taken`),
    };
    await expect(choosePort(HOST, port)).rejects.toMatchObject(refusal);
  });

  it('is the default or, where that is taken, a free one', async () => {
    const port = await aFreePort();
    expect(await choosePort(HOST, undefined, port)).toBe(port);
    await occupy(port);
    expect(await choosePort(HOST, undefined, port)).not.toBe(port);
  });

  it('is a free one where zero was asked for', async () => {
    expect(await choosePort(HOST, 0)).toBeGreaterThan(0);
  });
});
