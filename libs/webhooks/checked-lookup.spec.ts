import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import { AddressPolicy } from './address-policy.js';
import { AddressRefusedError, checkedLookup } from './checked-lookup.js';

/** What a connection to a name of these addresses would be given. */
function look(
  addresses: readonly string[],
  { allowPrivate = false, all = true }: { allowPrivate?: boolean; all?: boolean } = {},
): Promise<string | LookupAddress[]> {
  const lookup = checkedLookup(
    (_hostname, callback) => callback(null, addresses.map(addressOf)),
    new URL('http://receiver.test/'),
    new AddressPolicy({ allowPrivateAddresses: allowPrivate }),
  );
  return new Promise((resolve, reject) => {
    lookup('receiver.test', { all }, (error, address) => (error === null ? resolve(address) : reject(error)));
  });
}

const addressOf = (address: string): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 });
const PUBLIC = ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'];

describe('where private addresses are not allowed, a connection', () => {
  it('is given all addresses of a name that has public ones only', async () => {
    expect(await look(PUBLIC)).toEqual(PUBLIC.map(addressOf));
    expect(await look(PUBLIC, { all: false })).toBe(PUBLIC[0]);
  });

  it.each(['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1'])(
    'is given none where one of them is %s, and all of them where that is allowed',
    async (address) => {
      const mixed = [...PUBLIC, address];
      await expect(look(mixed)).rejects.toBeInstanceOf(AddressRefusedError);
      await expect(look([address], { all: false })).rejects.toBeInstanceOf(AddressRefusedError);
      expect(await look(mixed, { allowPrivate: true })).toEqual(mixed.map(addressOf));
    },
  );

  it('is told that a name has no address, which is not a refusal', async () => {
    await expect(look([])).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
