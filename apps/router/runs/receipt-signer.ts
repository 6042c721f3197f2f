import { createHash, createPrivateKey, generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { SIGNATURE_ALGORITHM, type ReceiptKeyView, type ReceiptSignature } from '#contracts';
import type { Logger } from '#observability';
import {
  addReceiptKey,
  readActiveReceiptKey,
  readRetiredReceiptKeys,
  type ActiveReceiptKey,
  type Database,
} from '#persistence';

const makeKeyPair = promisify(generateKeyPair);
const KEY_ID_LENGTH = 16;

/**
 * Signs receipts with the key that all routers share. It is read anew each time: a key that was retired signs nothing
 * from that moment on, without a restart.
 * Source: docs/decisions/0011-signed-receipts.md
 */
export class ReceiptSigner {
  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  async sign(bytes: Buffer): Promise<ReceiptSignature> {
    const { keyId, publicKey, privateKey } = await this.activeKey();
    const key = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
    // With a callback it is done on another thread: hashing 100 MB would hold up every other request.
    const value = await new Promise<Buffer>((resolve, reject) =>
      sign(null, bytes, key, (error, signature) => (error === null ? resolve(signature) : reject(error))),
    );
    return {
      algorithm: SIGNATURE_ALGORITHM,
      key_id: keyId,
      public_key: publicKey.toString('base64'),
      value: value.toString('base64'),
    };
  }

  async keys(): Promise<ReceiptKeyView> {
    const { keyId, publicKey, createdAt } = await this.activeKey();
    const retired = await readRetiredReceiptKeys(this.database);
    return {
      algorithm: SIGNATURE_ALGORITHM,
      key_id: keyId,
      public_key: publicKey.toString('base64'),
      created_at: createdAt.toISOString(),
      retired: retired.map((key) => ({
        key_id: key.keyId,
        public_key: key.publicKey.toString('base64'),
        created_at: key.createdAt.toISOString(),
        retired_at: key.retiredAt.toISOString(),
      })),
    };
  }

  /** Makes the key where there is none: on first use, and after the last one was retired. */
  private async activeKey(): Promise<ActiveReceiptKey> {
    const active = await readActiveReceiptKey(this.database);
    if (active !== undefined) return active;
    const pair = await makeKeyPair('ed25519', {
      publicKeyEncoding: { format: 'der', type: 'spki' },
      privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    });
    const keyId = createHash('sha256').update(pair.publicKey).digest('hex').slice(0, KEY_ID_LENGTH);
    await addReceiptKey(this.database, { keyId, ...pair });
    const made = await readActiveReceiptKey(this.database);
    if (made === undefined) throw new Error('the key that signs receipts could not be stored');
    if (made.keyId === keyId) {
      this.logger.info({ event: 'receipt.key_created', key_id: keyId }, 'receipts are signed with a new key');
    }
    return made;
  }
}
