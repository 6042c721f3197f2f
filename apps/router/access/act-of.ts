import { actorOf, type Caller } from '#domain';
import type { AuditEntry } from '#persistence';

/** The audit log's entry of an administrative act, to be appended in the transaction of the act. */
export function actOf(
  caller: Caller,
  act: string,
  target: string,
  detail: Readonly<Record<string, unknown>> = {},
): AuditEntry {
  const { tenant, requestId } = caller;
  return { actor: actorOf(caller), tenant, act, target, detail, requestId };
}
