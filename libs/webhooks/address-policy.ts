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
function literalAddressOf({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? undefined : address;
}

/** Link-local and other places where clouds keep their metadata: a name never opens them, only a range does. */
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16, 'ipv4');
METADATA.addAddress('100.100.100.200', 'ipv4');
METADATA.addAddress('192.0.0.192', 'ipv4');
METADATA.addSubnet('fe80::', 10, 'ipv6');
METADATA.addAddress('fd00:ec2::254', 'ipv6');

export interface AddressPolicyOptions {
  readonly allowPrivateAddresses: boolean;
  /** Host names, addresses, either with a port, and ranges (`10.1.0.0/16`) that are open besides the Internet. */
  readonly allowedHosts?: readonly string[];
}

interface AllowedHost {
  /** In lower case, without brackets and final dot; undefined: a range. */
  readonly name: string | undefined;
  readonly range: BlockList | undefined;
  /** undefined: any. */
  readonly port: number | undefined;
}

/** Where webhooks may go. What was written is parsed once; every try asks. */
export class AddressPolicy {
  private readonly allowed: readonly AllowedHost[];

  constructor(private readonly options: AddressPolicyOptions) {
    this.allowed = (options.allowedHosts ?? []).map(parseAllowedHost);
  }

  get allowsPrivateAddresses(): boolean {
    return this.options.allowPrivateAddresses;
  }

  /** Whether a name was opened by whoever runs this server: it may be one of theirs, known to no public name server. */
  names(url: URL): boolean {
    const host = hostOf(url);
    return this.allowed.some((entry) => entry.name === host && hasPort(entry, url));
  }

  /** @param address one that the URL's host stands for, or leads to */
  mayConnect(url: URL, address: string): boolean {
    if (this.options.allowPrivateAddresses || isPublicAddress(address)) return true;
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    // A zone (%eth0) is nothing that a range could hold.
    if (isIP(address) === 0 || address.includes('%')) return false;
    return this.allowed.some(
      (entry) =>
        (entry.range?.check(address, family) ?? false) ||
        (entry.name !== undefined &&
          hasPort(entry, url) &&
          // An address that is written out opens itself, whatever name leads to it.
          (entry.name === address || (entry.name === hostOf(url) && !METADATA.check(address, family)))),
    );
  }

  /**
   * What can be said against a URL before its name is resolved.
   * @returns undefined where there is nothing
   */
  faultOf(text: string): string | undefined {
    if (!URL.canParse(text)) return 'must be an http or https URL';
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must be an http or https URL';
    if (url.username !== '' || url.password !== '') return 'must hold no user name and no password';
    const literal = literalAddressOf(url);
    const isOpen =
      literal !== undefined
        ? this.mayConnect(url, literal)
        : this.options.allowPrivateAddresses ||
          !/(^|\.)localhost\.?$/i.test(url.hostname) ||
          this.names(url) ||
          this.mayConnect(url, '127.0.0.1');
    return isOpen ? undefined : 'must not lead to a private, local or reserved address';
  }
}

/** In lower case, without the brackets of an IPv6 address and without a final dot. */
function hostOf({ hostname }: URL): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function hasPort({ port }: AllowedHost, url: URL): boolean {
  const given = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return port === undefined || port === given;
}

/** @throws where it is none of the forms; the configuration has been checked for that before */
function parseAllowedHost(text: string): AllowedHost {
  const [network = '', bits] = text.split('/');
  const family = isIP(network);
  if (bits !== undefined && family !== 0) {
    const range = new BlockList();
    range.addSubnet(network, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
    return { name: undefined, range, port: undefined };
  }
  // An IPv6 address stands in brackets in a URL, and may stand without them here.
  const url = new URL(`http://${family === 6 ? `[${text}]` : text}`);
  // `http` leaves its own port out.
  const isPort80 = url.port === '' && /:80$/.test(text) && family !== 6;
  return {
    name: hostOf(url),
    range: undefined,
    port: url.port === '' ? (isPort80 ? 80 : undefined) : Number(url.port),
  };
}

function blockList(subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}
