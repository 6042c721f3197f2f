import { Resolver, lookup as lookupHost, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { AddressPolicy } from './address-policy.js';

/** All addresses of a name. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export class AddressRefusedError extends Error {}

/** One address that is refused refuses the name: which of them is tried first is not ours to say. */
export function checkedLookup(resolve: Resolve, url: URL, policy: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) {
        callback(error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 0);
      } else if (!addresses.every(({ address }) => policy.mayConnect(url, address))) {
        callback(new AddressRefusedError('the name leads to an address that is refused'), '', 0);
      } else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/**
 * By the system: the hosts file and search domains count. Each question holds one of the process's few threads until the
 * name servers have answered or failed, so it is for names that the operator named, not for those of any caller.
 */
export const resolveBySystem: Resolve = (hostname, callback) => {
  lookupHost(hostname, { all: true }, (error, addresses) => callback(error, error === null ? addresses : []));
};

/**
 * By asking the name servers, which holds no thread however long they take: a caller's name whose servers hang delays
 * nobody else's.
 * @param servers left out: the system's
 */
export function resolveByServers(signal: AbortSignal, servers?: readonly string[]): Resolve {
  return (hostname, callback) => {
    const resolver = new Resolver({ timeout: 2000, tries: 3 });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    const found: LookupAddress[] = [];
    let fault: NodeJS.ErrnoException | null = null;
    let open = 2;
    const done =
      (family: 4 | 6) =>
      (error: NodeJS.ErrnoException | null, addresses: string[] | undefined): void => {
        found.push(...(addresses ?? []).map((address) => ({ address, family })));
        // A server that knows no addresses of one kind says nothing about the other.
        if (error !== null && (fault === null || fault.code === 'ENODATA')) fault = error;
        open -= 1;
        if (open > 0) return;
        signal.removeEventListener('abort', cancel);
        callback(found.length > 0 ? null : fault, found);
      };
    resolver.resolve4(hostname, done(4));
    resolver.resolve6(hostname, done(6));
  };
}
