import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BeaconClient } from './beacon-client.js';

/** Keys by their roles; any other key is none. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  submitter: ['submit'],
  bookkeeper: ['read', 'ledger'],
  operator: ['operate'],
  admin: ['admin'],
};

describe('the client of specs', () => {
  let server: Server;
  let client: BeaconClient;
  let asked = 0;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const key = request.headers.authorization?.replace('Bearer ', '') ?? '';
      response.setHeader('content-type', 'application/json');
      if (request.url === '/keys/self') {
        asked += 1;
        const roles = ROLES[key];
        if (roles === undefined) response.writeHead(401);
        response.end(JSON.stringify({ key_id: key, tenant: key, roles, limits: {} }));
        return;
      }
      if (request.url === '/header') response.setHeader('x-endpoint', 'US-m');
      const field = request.url === '/clean' || request.url === '/header' ? 'region' : 'endpoint_id';
      response.end(JSON.stringify({ list: [{ [field]: 'US' }] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new BeaconClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it.each(['submitter', 'bookkeeper', 'revoked'])(
    'refuses what no customer may be told: %s, whose roles it asks for',
    async (key) => {
      for (const path of ['/leak', '/header'])
        await expect(client.as(key).request(path)).rejects.toThrow(/tells a customer .*endpoint/);
      expect((await client.as(key).request('/clean')).status).toBe(200);
    },
  );

  it.each(['operator', 'admin'])('lets %s read it, and asks for the roles once', async (key) => {
    const before = asked;
    for (let times = 0; times < 3; times += 1)
      expect((await client.as(key).request('/leak')).status).toBe(200);
    expect(asked - before).toBe(1);
  });

  it('takes whoever needs no key for operations', async () => {
    expect((await client.request('/leak')).status).toBe(200);
  });
});
