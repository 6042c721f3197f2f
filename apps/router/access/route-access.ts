import type { Role } from '#domain';

/**
 * Who may use a route. `open`: anybody. `secret`: whoever has a secret of its own, which its controller checks. `caller`:
 * any key. `role`: keys with that role; of `owned` things only the tenant's own, unless the caller sees everybody's.
 */
export type RouteAccess =
  | { readonly kind: 'open' }
  | { readonly kind: 'secret' }
  | { readonly kind: 'caller' }
  | {
      readonly kind: 'role';
      readonly role: Role;
      readonly owned?: OwnedResource;
      /** This role will do as well. */
      readonly or?: Role;
    };

/** What belongs to a tenant, and the parameter of the path that names it. */
export type OwnedResource = 'job' | 'run' | 'webhook' | 'file' | 'batch';
export const OWNER_PARAMETERS: Readonly<Record<OwnedResource, string>> = {
  job: 'job_id',
  run: 'id',
  webhook: 'event_id',
  file: 'file_id',
  batch: 'batch_id',
};

const open: RouteAccess = { kind: 'open' };
const needs = (role: Role, owned?: OwnedResource): RouteAccess => ({
  kind: 'role',
  role,
  ...(owned === undefined ? {} : { owned }),
});
/** The tenant itself, or operations for it. */
const ownerOrOperations = (owned?: OwnedResource): RouteAccess => ({
  ...{ kind: 'role', role: 'submit', or: 'operate' },
  ...(owned === undefined ? {} : { owned }),
});

/** Every route that is served, spelled as OpenAPI does. A server whose routes are not all here does not start. */
export const ROUTE_ACCESS: Readonly<Record<string, RouteAccess>> = {
  'GET /health': open,
  'GET /health/live': open,
  'GET /health/ready': open,
  'GET /openapi.json': open,
  'GET /receipts/key': open,
  'GET /metrics': needs('operate'),
  'GET /providers': needs('operate'),
  'GET /queue/status': needs('read'),
  'GET /queue/status/{region}': needs('read'),

  'POST /inference/queued': needs('submit'),
  'POST /inference': needs('submit'),
  'POST /v1/inference': needs('submit'),
  'GET /inference/status/{job_id}': needs('read', 'job'),
  'DELETE /inference/{job_id}': ownerOrOperations('job'),

  'GET /v1/models': needs('read'),
  'GET /v1/models/{model}': needs('read'),
  'POST /v1/chat/completions': needs('submit'),
  'POST /v1/completions': needs('submit'),

  'POST /runs': needs('submit'),
  'POST /runs/plan': needs('read'),
  'GET /runs': needs('read'),
  'GET /questions': needs('read'),
  'GET /gates': needs('read'),
  'GET /runs/{id}': needs('read', 'run'),
  'GET /runs/{id}/results': needs('read', 'run'),
  'GET /runs/{id}/events': needs('read', 'run'),
  'GET /runs/{id}/receipt': needs('read', 'run'),
  'GET /runs/{id}/comparison': needs('read', 'run'),
  'GET /runs/{id}/cells': needs('read', 'run'),
  'GET /runs/{id}/timeline': needs('read', 'run'),
  'POST /runs/{id}/cancel': ownerOrOperations('run'),
  'POST /runs/{id}/pause': ownerOrOperations('run'),
  'POST /runs/{id}/resume': ownerOrOperations('run'),
  'POST /runs/{id}/retry-failed': needs('submit', 'run'),
  'POST /runs/{id}/extend': needs('submit', 'run'),
  'POST /runs/{id}/gates/{gate}/approve': needs('submit', 'run'),
  'POST /runs/{id}/gates/{gate}/reject': needs('submit', 'run'),

  'POST /v1/files': needs('submit'),
  'GET /v1/files': needs('read'),
  'GET /v1/files/{file_id}': needs('read', 'file'),
  'GET /v1/files/{file_id}/content': needs('read', 'file'),
  'DELETE /v1/files/{file_id}': ownerOrOperations('file'),
  'POST /v1/batches': needs('submit'),
  'GET /v1/batches': needs('read'),
  'GET /v1/batches/{batch_id}': needs('read', 'batch'),
  'POST /v1/batches/{batch_id}/cancel': ownerOrOperations('batch'),
  'POST /v1/batches/{batch_id}/erase': ownerOrOperations('batch'),

  'POST /keys': needs('admin'),
  'GET /keys': needs('admin'),
  'GET /keys/self': { kind: 'caller' },
  'DELETE /keys/{key_id}': needs('admin'),
  'POST /keys/{key_id}/rotate': needs('admin'),
  'GET /audit': needs('admin'),
  'GET /ledger': needs('ledger'),
  'GET /ledger/summary': needs('ledger'),
  'GET /webhook-deliveries': needs('read'),
  'GET /webhook-deliveries/{event_id}': needs('read', 'webhook'),
  'POST /webhook-deliveries/{event_id}/redeliver': ownerOrOperations('webhook'),
  'POST /webhook-deliveries/redeliver': ownerOrOperations(),
  'POST /endpoints/{id}/pause': needs('operate'),
  'POST /endpoints/{id}/drain': needs('operate'),
  'POST /endpoints/{id}/resume': needs('operate'),
  'POST /endpoints/{id}/warm': needs('operate'),
  'POST /regions/{region}/pause': needs('operate'),
  'POST /regions/{region}/drain': needs('operate'),
  'POST /regions/{region}/resume': needs('operate'),
  'POST /regions/{region}/warm': needs('operate'),
  'GET /operations': needs('operate'),
  'GET /operations/changes': needs('operate'),
  'POST /operations/changes/{id}/undo': needs('operate'),
  'GET /operations/settings': needs('operate'),
  'PUT /operations/settings/{name}': needs('operate'),
  'DELETE /operations/settings/{name}': needs('operate'),
  'PUT /operations/modes/direct': needs('operate'),
  'DELETE /operations/modes/direct': needs('operate'),
  'PUT /operations/modes/single-region': needs('operate'),
  'DELETE /operations/modes/single-region': needs('operate'),
  'GET /dead-letters': needs('read'),
  'GET /dead-letters/summary': needs('read'),
  'GET /dead-letters/{job_id}': needs('read', 'job'),
  'POST /dead-letters/redrive': ownerOrOperations(),
  'POST /dead-letters/discard': ownerOrOperations(),
  'POST /dead-letters/{job_id}/redrive': ownerOrOperations('job'),
  'POST /dead-letters/{job_id}/discard': ownerOrOperations('job'),

  'POST /inference/{job_id}/erase': ownerOrOperations('job'),
  'POST /runs/{id}/erase': ownerOrOperations('run'),
  'POST /tenants/{tenant}/erase': needs('admin'),

  // A client names its tasks: whose they are is asked together with the name.
  'POST /api/modal/execute-task': needs('submit'),
  'GET /tasks': needs('read'),
  'GET /tasks/{task_id}': needs('read'),
  'DELETE /tasks/{task_id}': ownerOrOperations(),

  'POST /api/webhooks/modal/task-complete': { kind: 'secret' },
};

/** The page that shows the API, and what it loads. */
const DOCUMENTATION = /^GET \/docs(\/|-|$)/;

/** The page, and what it loads: what it shows is asked for with a key. */
const PAGE = /^GET \/(beacon\.svg|assets\/\*)?$/;

/** What a browser asks before a request to another origin; it is answered without looking at anything. */
const PREFLIGHT = 'OPTIONS *';

/** @returns undefined for a route that nobody has said anything about */
export function accessOf(route: string): RouteAccess | undefined {
  if (Object.hasOwn(ROUTE_ACCESS, route)) return ROUTE_ACCESS[route];
  return DOCUMENTATION.test(route) || PAGE.test(route) || route === PREFLIGHT ? open : undefined;
}

/** Whether a key has to come with it, where the server has keys. */
export function needsKey(route: string): boolean {
  const access = accessOf(route);
  return access?.kind === 'role' || access?.kind === 'caller';
}
