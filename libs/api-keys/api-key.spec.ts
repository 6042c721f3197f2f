import { describe, expect, it } from '@jest/globals';
import { hashKey, isKey, keyIdOf, makeKey, makePepper } from './api-key.js';

describe('a key', () => {
  it('begins with its id, and is never made twice', () => {
    const made = Array.from({ length: 200 }, makeKey);
    for (const { keyId, key } of made) expect(keyIdOf(key)).toBe(keyId);
    expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(200);
    expect(new Set(made.map(({ keyId, key }) => key.slice(keyId.length))).size).toBe(200);
  });

  it.each([
    '',
    'bk_',
    'bk_abc',
    'hello',
    `bk_abcdefghijkl_${'A'.repeat(42)}`,
    `bk_abcdefghijkl_${'A'.repeat(44)}`,
  ])('is not %j', (text) => expect(keyIdOf(text)).toBeUndefined());

  it('is told by its hash, under the same pepper alone', () => {
    const [{ key }, other, pepper] = [makeKey(), makeKey(), makePepper()];
    const hash = hashKey(key, pepper);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(isKey(key, hash, pepper)).toBe(true);
    expect(isKey(other.key, hash, pepper)).toBe(false);
    expect(isKey(key, hash, makePepper())).toBe(false);
    expect(isKey(key, undefined, pepper)).toBe(false);
    expect(isKey(key, '', pepper)).toBe(false);
    expect(isKey(key, '0'.repeat(64), pepper)).toBe(false);
  });

  it('has the hash that HMAC-SHA-256 gives it', () => {
    // RFC 4231, test case 2, with the key in base64.
    const pepper = Buffer.from('Jefe').toString('base64');
    expect(hashKey('what do ya want for nothing?', pepper)).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });
});
