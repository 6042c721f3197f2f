import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

const ID_LENGTH = 12;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const SECRET_BYTES = 32;
const KEY = /^(bk_[a-z0-9]{12})_[A-Za-z0-9_-]{43}$/;

/** `bk_` and 12 letters and digits: names a key, in lists and logs, without giving it away. */
export const KEY_ID = /^bk_[a-z0-9]{12}$/;

export interface FreshKey {
  readonly keyId: string;
  /** The key itself: shown once, stored nowhere. */
  readonly key: string;
}

export function makeKey(): FreshKey {
  const letters = Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]);
  const keyId = `bk_${letters.join('')}`;
  return { keyId, key: `${keyId}_${randomBytes(SECRET_BYTES).toString('base64url')}` };
}

/** @returns the id that a key begins with, or `undefined` for what is no key */
export function keyIdOf(text: string): string | undefined {
  return KEY.exec(text)?.[1];
}

/** A pepper as a keys file holds it. */
export function makePepper(): string {
  return randomBytes(32).toString('base64');
}

/**
 * What is kept of a key: HMAC-SHA-256 under the pepper, hex. A key holds 256 random bits, so nobody finds it by trying,
 * however fast the hash; a slow one would only let strangers keep the server busy. Source: docs/decisions/0014-api-keys.md
 */
export function hashKey(key: string, pepper: string): string {
  return createHmac('sha256', Buffer.from(pepper, 'base64')).update(key).digest('hex');
}

const NO_HASH = '0'.repeat(64);

/** Takes the same time whether or not there is such a key. @param hash undefined: there is none */
export function isKey(key: string, hash: string | undefined, pepper: string): boolean {
  const given = Buffer.from(hashKey(key, pepper), 'hex');
  const kept = Buffer.from(hash ?? NO_HASH, 'hex');
  return kept.length === given.length && timingSafeEqual(given, kept) && hash !== undefined;
}
