import { createPublicKey, type KeyObject } from 'node:crypto';
import { receiptKeySchema } from '#contracts';
import { z } from 'zod';

/**
 * @param base64 DER SubjectPublicKeyInfo, as a receipt carries it
 * @throws Error where it is no Ed25519 key, or not written the one way it is
 */
export function publicKeyOf(base64: string): KeyObject {
  const der = Buffer.from(base64, 'base64');
  // Base64 has spare bits: two texts may mean the same bytes, and every character of a receipt counts.
  if (der.toString('base64') !== base64) throw new Error('the public key is not base64');
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the public key is not an Ed25519 key');
  return key;
}

const anyKeySchema = z.union([receiptKeySchema, z.object({ public_key: z.string() })]);

/**
 * Reads a key that somebody keeps: the answer of `GET /receipts/key`, a PEM file, or the base64 text alone.
 * @returns the base64 text
 * @throws Error where it is none of them
 */
export function pinnedKeyOf(text: string): string {
  const given = text.trim();
  let base64: string;
  if (given.startsWith('{')) base64 = anyKeySchema.parse(JSON.parse(given)).public_key;
  else if (given.startsWith('-----BEGIN'))
    base64 = createPublicKey(given).export({ format: 'der', type: 'spki' }).toString('base64');
  else base64 = given;
  publicKeyOf(base64);
  return base64;
}
