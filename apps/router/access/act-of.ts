import type { Caller } from '#domain';
import type { AuditEntry } from '#persistence';

/** The audit log's entry of an administrative act, to be appended in the transaction of the act. */
export function actOf(
  { keyId, tenant, requestId }: Caller,
  act: string,
  target: string,
  detail: Readonly<Record<string, unknown>> = {},
): AuditEntry {
  return { actor: keyId ?? 'local', tenant, act, target, detail, requestId };
}
