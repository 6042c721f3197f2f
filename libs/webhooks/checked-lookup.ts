import { lookup as lookupHost, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPublicAddress } from './address-policy.js';

/** All addresses of a name. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export class AddressRefusedError extends Error {}

/** One address that is refused refuses the name: which of them is tried first is not ours to say. */
export function checkedLookup(resolve: Resolve, allowPrivateAddresses: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) {
        callback(error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 0);
      } else if (!allowPrivateAddresses && !addresses.every(({ address }) => isPublicAddress(address))) {
        callback(new AddressRefusedError('the name leads to an address that is refused'), '', 0);
      } else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** By the system's resolver. */
export const resolveAll: Resolve = (hostname, callback) => {
  lookupHost(hostname, { all: true }, (error, addresses) => callback(error, error === null ? addresses : []));
};
