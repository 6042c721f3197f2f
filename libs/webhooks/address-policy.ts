import { BlockList, isIP } from 'node:net';

/** What is not on the Internet. Source: IANA's special-purpose address registries (IPv4, IPv6). */
const REFUSED_IPV4 = [
  '0.0.0.0/8', // this network; 0.0.0.0 reaches the machine itself
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared with a carrier; some clouds' metadata
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local; the metadata services of most clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments; the metadata service of one cloud
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved; broadcast
];
/**
 * All that is assigned to hosts on the Internet. Loopback, link-local, unique local (fc00::/7), multicast,
 * IPv4-mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96) addresses lie outside.
 */
const GLOBAL_IPV6 = '2000::/3';
const REFUSED_IPV6 = [
  '2001::/23', // protocol assignments; Teredo, which wraps IPv4 addresses
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which wraps IPv4 addresses
  '3fff::/20', // documentation
];

const refusedIpv4 = blockList(REFUSED_IPV4, 'ipv4');
const globalIpv6 = blockList([GLOBAL_IPV6], 'ipv6');
const refusedIpv6 = blockList(REFUSED_IPV6, 'ipv6');

/** @param address an IP address as text; anything else is not public */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !refusedIpv4.check(address, 'ipv4');
    case 6:
      // A zone (%eth0) goes with link-local addresses only.
      return (
        !address.includes('%') && globalIpv6.check(address, 'ipv6') && !refusedIpv6.check(address, 'ipv6')
      );
    default:
      return false;
  }
}

/** @returns the IP address that stands in a URL in place of a name; `URL` has undone every other spelling of it */
export function literalAddressOf({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? undefined : address;
}

/**
 * What can be said against a URL before its name is resolved.
 * @returns undefined where there is nothing
 */
export function webhookUrlFault(text: string, allowPrivateAddresses: boolean): string | undefined {
  if (!URL.canParse(text)) return 'must be an http or https URL';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must be an http or https URL';
  if (url.username !== '' || url.password !== '') return 'must hold no user name and no password';
  if (allowPrivateAddresses) return undefined;
  const literal = literalAddressOf(url);
  const isLocalName = /(^|\.)localhost\.?$/i.test(url.hostname);
  return isLocalName || (literal !== undefined && !isPublicAddress(literal))
    ? 'must not lead to a private, local or reserved address'
    : undefined;
}

function blockList(subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}
