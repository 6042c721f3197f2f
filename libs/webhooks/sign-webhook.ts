import { createHmac } from 'node:crypto';
import { LOCAL_TENANT } from '#domain';

const PREFIX = 'whsec_';

/** Another one gives every tenant another secret: it is part of what receivers have stored. */
const TENANT_CONTEXT = 'beacon.webhook-secret.tenant.v1';

/**
 * The secret with which one tenant's webhooks are signed. With the same one for all, a tenant's receiver could sign
 * events for the receivers of others. It follows from the base secret, so nothing is stored, and nobody who holds it
 * learns the base secret or another tenant's.
 * @returns for `local` the base secret itself; else `whsec_` and the base64 of 32 bytes
 */
export function secretOfTenant(base: string, tenant: string): string {
  if (tenant === LOCAL_TENANT) return base;
  const derived = createHmac('sha256', keyOf(base)).update(`${TENANT_CONTEXT}\n${tenant}`).digest('base64');
  return `${PREFIX}${derived}`;
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
}

/**
 * The `webhook-signature` of Standard Webhooks: HMAC-SHA256 over id, time and body.
 * @param secret `whsec_` and base64, or any text, whose UTF-8 bytes are then the key
 * @param timestampS Unix seconds, as in `webhook-timestamp`
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signWebhook(secret: string, id: string, timestampS: number, body: string): string {
  return `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${timestampS}.${body}`).digest('base64')}`;
}
