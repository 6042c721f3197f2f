import { describe, expect, it } from '@jest/globals';
import { AddressPolicy, isPublicAddress } from './address-policy.js';

const STRICT = new AddressPolicy({ allowPrivateAddresses: false });
const OPEN = new AddressPolicy({ allowPrivateAddresses: true });

const REFUSED = [
  ['0.0.0.0', 'unspecified'],
  ['10.1.2.3', 'private'],
  ['100.100.100.200', "carrier-grade, a cloud's metadata"],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['169.254.169.254', 'link-local, metadata'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.192', "a cloud's metadata"],
  ['192.168.0.1', 'private'],
  ['198.18.0.1', 'benchmarks'],
  ['224.0.0.1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local with its zone'],
  ['fc00::1', 'unique local'],
  ['fd00:ec2::254', 'metadata'],
  ['ff02::1', 'multicast'],
  ['::ffff:127.0.0.1', 'IPv4-mapped loopback'],
  ['::ffff:7f00:1', 'IPv4-mapped loopback in hexadecimal'],
  ['::ffff:169.254.169.254', 'IPv4-mapped metadata'],
  ['::127.0.0.1', 'IPv4-compatible loopback'],
  ['64:ff9b::7f00:1', 'loopback behind NAT64'],
  ['2002:7f00:1::', 'loopback in 6to4'],
  ['2001:0:7f00:1::', 'Teredo'],
  ['2001:db8::1', 'documentation'],
  ['not an address', 'no address'],
];
const PUBLIC = [
  ...['1.1.1.1', '9.255.255.255', '11.0.0.0', '126.255.255.255', '172.15.255.255', '172.32.0.0'],
  ...['192.167.255.255', '192.169.0.0', '100.63.255.255', '100.128.0.0', '223.255.255.255'],
  ...['2606:4700:4700::1111', '2a00:1450:4001:81b::200e'],
];

describe('the addresses webhooks may be sent to', () => {
  it.each(REFUSED)('are not %s (%s)', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(PUBLIC)('include %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('a webhook URL', () => {
  it.each([
    ...[
      'http://127.0.0.1/x',
      'http://2130706433/',
      'http://0x7f.1/',
      'http://017700000001/',
      'http://127.1/',
    ],
    ...['http://[::1]:8080/', 'http://[::ffff:127.0.0.1]/', 'http://169.254.169.254/latest/meta-data'],
    ...['http://localhost:9000/', 'https://LOCALHOST./', 'https://api.localhost/', 'http://0/'],
  ])('is refused where it names a private address, however that is written: %s', (url) => {
    expect(STRICT.faultOf(url)).toMatch(/private, local or reserved/);
    expect(OPEN.faultOf(url)).toBeUndefined();
  });

  it.each(['ftp://example.org/', 'file:///etc/passwd', 'gopher://example.org', 'no url'])(
    'is refused where it is not of the web: %s',
    (url) => expect(OPEN.faultOf(url)).toMatch(/http or https/),
  );

  it('is refused where it holds credentials, which would be stored and logged', () => {
    expect(OPEN.faultOf('https://user:pass@example.org/')).toMatch(/no password/);
  });

  it.each(['https://example.org/hooks?run=1', 'http://1.1.1.1:8443/', 'https://localhost.example.org/'])(
    'is taken otherwise: %s',
    (url) => expect(STRICT.faultOf(url)).toBeUndefined(),
  );
});

describe('hosts that the operator allows', () => {
  const allowing = (...allowedHosts: string[]) =>
    new AddressPolicy({ allowPrivateAddresses: false, allowedHosts });
  const isOpen = (allowed: string, url: string, address: string): boolean =>
    allowing(allowed).mayConnect(new URL(url), address);

  it.each([
    ['hooks.internal', 'http://hooks.internal/', '10.1.2.3', true],
    ['hooks.internal', 'http://HOOKS.internal.:81/', '10.1.2.3', true],
    ['hooks.internal', 'http://other.internal/', '10.1.2.3', false],
    ['hooks.internal', 'http://hooks.internal.example.org/', '10.1.2.3', false],
    ['hooks.internal', 'http://hooks.internal/', '169.254.169.254', false],
    ['hooks.internal', 'http://hooks.internal/', '::ffff:169.254.169.254', false],
    ['hooks.internal', 'http://hooks.internal/', 'fd00:ec2::254', false],
    ['hooks.internal:8443', 'https://hooks.internal:8443/', '10.1.2.3', true],
    ['hooks.internal:8443', 'https://hooks.internal/', '10.1.2.3', false],
    ['hooks.internal:443', 'https://hooks.internal/', '10.1.2.3', true],
    ['hooks.internal:80', 'http://hooks.internal/', '10.1.2.3', true],
    ['hooks.internal:80', 'https://hooks.internal/', '10.1.2.3', false],
    ['10.1.2.3', 'http://10.1.2.3:9/', '10.1.2.3', true],
    ['10.1.2.3', 'http://10.1.2.4/', '10.1.2.4', false],
    ['10.1.2.3:9', 'http://10.1.2.3:9/', '10.1.2.3', true],
    ['10.1.2.3:9', 'http://10.1.2.3:8/', '10.1.2.3', false],
    ['10.1.0.0/16', 'http://any.example.org/', '10.1.255.255', true],
    ['10.1.0.0/16', 'http://any.example.org/', '10.2.0.0', false],
    ['169.254.169.0/24', 'http://any.example.org/', '169.254.169.254', true],
    ['fd00:1::/32', 'http://[fd00:1::9]/', 'fd00:1::9', true],
    ['fd00:1::/32', 'http://[fd00:2::9]/', 'fd00:2::9', false],
    ['[::1]:9000', 'http://[::1]:9000/', '::1', true],
    ['::1', 'http://[::1]:9000/', '::1', true],
    ['fe80::/10', 'http://any.example.org/', 'fe80::1%eth0', false],
  ])('%s, for %s at %s: %s', (allowed, url, address, open) => {
    expect(isOpen(allowed, url, address)).toBe(open);
  });

  it('are no longer refused at once', () => {
    expect(allowing('127.0.0.1:9000').faultOf('http://127.0.0.1:9000/x')).toBeUndefined();
    expect(allowing('127.0.0.1:9000').faultOf('http://2130706433:9000/x')).toBeUndefined();
    expect(allowing('127.0.0.1:9000').faultOf('http://127.0.0.1/x')).toMatch(/private/);
    expect(allowing('localhost').faultOf('http://localhost:1/')).toBeUndefined();
    expect(allowing('127.0.0.0/8').faultOf('http://localhost:1/')).toBeUndefined();
    expect(allowing('hooks.internal').faultOf('http://localhost:1/')).toMatch(/private/);
  });
});
