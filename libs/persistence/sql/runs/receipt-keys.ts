import type { Queryable } from '../../database.js';

/** The key that signs now. */
export interface ActiveReceiptKey {
  readonly keyId: string;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  /** DER PKCS #8. */
  readonly privateKey: Buffer;
  readonly createdAt: Date;
}

export interface RetiredReceiptKey {
  readonly keyId: string;
  readonly publicKey: Buffer;
  readonly createdAt: Date;
  readonly retiredAt: Date;
}

export async function readActiveReceiptKey(database: Queryable): Promise<ActiveReceiptKey | undefined> {
  const { rows } = await database.query<ActiveReceiptKey & Record<string, unknown>>(
    `SELECT key_id AS "keyId", public_key AS "publicKey", private_key AS "privateKey", created_at AS "createdAt"
       FROM receipt_keys WHERE retired_at IS NULL`,
    [],
  );
  return rows[0];
}

/** Where another router was faster, its key stays and this one is forgotten. */
export async function addReceiptKey(
  database: Queryable,
  key: Omit<ActiveReceiptKey, 'createdAt'>,
): Promise<void> {
  await database.query(
    `INSERT INTO receipt_keys (key_id, public_key, private_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [key.keyId, key.publicKey, key.privateKey],
  );
}

/** Newest first. */
export async function readRetiredReceiptKeys(database: Queryable): Promise<RetiredReceiptKey[]> {
  const { rows } = await database.query<RetiredReceiptKey & Record<string, unknown>>(
    `SELECT key_id AS "keyId", public_key AS "publicKey", created_at AS "createdAt", retired_at AS "retiredAt"
       FROM receipt_keys WHERE retired_at IS NOT NULL ORDER BY retired_at DESC`,
    [],
  );
  return rows;
}
