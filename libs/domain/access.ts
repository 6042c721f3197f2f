import type { Priority } from './job.js';

/**
 * What a key lets its holder do. `read` looks at its tenant's jobs and runs; `submit` does that too, and makes and
 * controls them; `operate` sees and steers everybody's; `ledger` reads what it all cost; `admin` may do all of that, and
 * gives out keys.
 */
export const ROLES = ['submit', 'read', 'operate', 'ledger', 'admin'] as const;
export type Role = (typeof ROLES)[number];

const IMPLIED: Readonly<Record<Role, readonly Role[]>> = {
  submit: ['submit', 'read'],
  read: ['read'],
  operate: ['operate', 'read'],
  ledger: ['ledger'],
  admin: ROLES,
};

/** What a key may not go beyond; absent: only what holds for everybody. */
export interface KeyLimits {
  readonly models?: readonly string[];
  readonly regions?: readonly string[];
  readonly priorities?: readonly Priority[];
  /** Requests per second, on average. */
  readonly requests_per_s?: number;
  /** Requests that may come at once; at least one. */
  readonly burst?: number;
  /** Jobs that have not started. */
  readonly queued_jobs?: number;
  /** Micro-dollars of the ledger per UTC day. */
  readonly budget_micro_usd_per_day?: number;
}

/** The tenant of everything on a server without keys. */
export const LOCAL_TENANT = 'local';

/** On whose behalf something is asked. Keys of one tenant see each other's jobs and runs. */
export interface Caller {
  /** `local`: the server has no keys. `service`: another process of Beacon. */
  readonly kind: 'local' | 'key' | 'service';
  readonly tenant: string;
  /** null: no key was needed. */
  readonly keyId: string | null;
  readonly roles: readonly Role[];
  readonly limits: KeyLimits;
  /** Of the request it asks with, as the log and the answer's `x-request-id` have it; null: none. */
  readonly requestId: string | null;
  /** W3C traceparent of that request; absent: it is not traced. What it brings about belongs to its trace. */
  readonly traceparent?: string;
}

export const LOCAL_CALLER: Caller = {
  kind: 'local',
  tenant: LOCAL_TENANT,
  keyId: null,
  roles: ['admin'],
  limits: {},
  requestId: null,
};

export function hasRole({ roles }: Pick<Caller, 'roles'>, role: Role): boolean {
  return roles.some((held) => IMPLIED[held].includes(role));
}

/** Whether it sees what belongs to others. */
export function seesAllTenants(caller: Pick<Caller, 'roles'>): boolean {
  return hasRole(caller, 'operate');
}

/** Whose things a list shows. @returns undefined: everybody's */
export function visibleTenant(caller: Pick<Caller, 'roles' | 'tenant'>): string | undefined {
  return seesAllTenants(caller) ? undefined : caller.tenant;
}

/** How the audit log names whoever acts: by the key, `service` for another process of Beacon, `local` without keys. */
export function actorOf({ kind, keyId }: Pick<Caller, 'kind' | 'keyId'>): string {
  return keyId ?? (kind === 'service' ? 'service' : 'local');
}

export function maySee(caller: Caller, tenant: string): boolean {
  return caller.tenant === tenant || seesAllTenants(caller);
}

/**
 * What holds where work counts for this key. Operations act for others, and what their own keys may is no bound on that;
 * what counts for their own key is held to it.
 */
export function limitsFor(
  { roles, keyId, limits }: Pick<Caller, 'roles' | 'keyId' | 'limits'>,
  worksFor: string | null,
): KeyLimits {
  return seesAllTenants({ roles }) && keyId !== worksFor ? {} : limits;
}
