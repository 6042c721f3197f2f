import { createHash, verify } from 'node:crypto';
import { checkReceipt, signedReceiptSchema, type SignedReceipt } from '#contracts';
import { canonicalJson } from '#domain';
import { publicKeyOf } from './public-key.js';

export interface Verdict {
  /** undefined: the bytes are no receipt at all. */
  readonly document: SignedReceipt | undefined;
  /** One sentence each; empty: the receipt holds. */
  readonly faults: readonly string[];
}

const KEY_ID_LENGTH = 16;

/**
 * Checks a saved receipt by itself, without asking anybody.
 * @param bytes the file as it was received
 * @param pinnedKey base64 of the one public key that is trusted; undefined: the receipt's own is taken
 */
export function verifyReceipt(bytes: Uint8Array, pinnedKey?: string): Verdict {
  const parsed = parse(bytes);
  if (typeof parsed === 'string') return { document: undefined, faults: [parsed] };
  const { raw, document } = parsed;
  const faults: string[] = [];
  if (!isCanonical(raw, bytes))
    faults.push('it is not in canonical form (RFC 8785): its bytes have been changed');
  checkSignature(raw, document, pinnedKey, faults);
  return { document, faults: faults.concat(checkReceipt(document.receipt)) };
}

function parse(bytes: Uint8Array): { raw: { receipt: unknown }; document: SignedReceipt } | string {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return `it is not JSON in UTF-8: ${error instanceof Error ? error.message : 'unreadable'}`;
  }
  const parsed = signedReceiptSchema.safeParse(raw);
  if (parsed.success) return { raw: raw as { receipt: unknown }, document: parsed.data };
  const [issue] = parsed.error.issues;
  const at = issue?.path.map(String).join('.') ?? '';
  return `it is not a receipt of a version that is known here: ${at === '' ? '' : `${at}: `}${issue?.message ?? ''}`;
}

function isCanonical(raw: unknown, bytes: Uint8Array): boolean {
  try {
    return Buffer.from(canonicalJson(raw)).equals(bytes);
  } catch {
    return false;
  }
}

/** Over what was received, not over what the schema knows of it: unknown members are signed too. */
function checkSignature(
  { receipt }: { receipt: unknown },
  { signature }: SignedReceipt,
  pinnedKey: string | undefined,
  faults: string[],
): void {
  if (pinnedKey !== undefined && signature.public_key !== pinnedKey)
    faults.push('it is signed with another key than the one that was given');
  try {
    const key = publicKeyOf(pinnedKey ?? signature.public_key);
    const value = Buffer.from(signature.value, 'base64');
    if (value.toString('base64') !== signature.value) throw new Error('the signature is not base64');
    if (!verify(null, Buffer.from(canonicalJson(receipt)), key, value))
      faults.push('the signature does not fit the receipt');
    const spki = Buffer.from(signature.public_key, 'base64');
    const keyId = createHash('sha256').update(spki).digest('hex').slice(0, KEY_ID_LENGTH);
    if (keyId !== signature.key_id) faults.push(`key_id is not that of the public key, ${keyId}`);
  } catch (error) {
    faults.push(`the signature cannot be checked: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}
