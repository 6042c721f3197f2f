import type { Role } from '#domain';

/**
 * Who may use a route. `open`: anybody. `secret`: whoever has a secret of its own, which its controller checks. `role`:
 * callers with that role; of `owned` things only the tenant's own, unless the caller sees everybody's.
 */
export type RouteAccess =
  | { readonly kind: 'open' }
  | { readonly kind: 'secret' }
  | { readonly kind: 'role'; readonly role: Role; readonly owned?: OwnedResource };

/** What belongs to a tenant, and the parameter of the path that names it. */
export type OwnedResource = 'job' | 'run';
export const OWNER_PARAMETERS: Readonly<Record<OwnedResource, string>> = { job: 'job_id', run: 'id' };

const open: RouteAccess = { kind: 'open' };
const needs = (role: Role, owned?: OwnedResource): RouteAccess => ({
  kind: 'role',
  role,
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
  'DELETE /inference/{job_id}': needs('submit', 'job'),

  'POST /runs': needs('submit'),
  'POST /runs/plan': needs('read'),
  'GET /runs': needs('read'),
  'GET /runs/{id}': needs('read', 'run'),
  'GET /runs/{id}/results': needs('read', 'run'),
  'GET /runs/{id}/events': needs('read', 'run'),
  'GET /runs/{id}/receipt': needs('read', 'run'),
  'GET /runs/{id}/comparison': needs('read', 'run'),
  'POST /runs/{id}/cancel': needs('submit', 'run'),
  'POST /runs/{id}/pause': needs('submit', 'run'),
  'POST /runs/{id}/resume': needs('submit', 'run'),
  'POST /runs/{id}/retry-failed': needs('submit', 'run'),
  'POST /runs/{id}/extend': needs('submit', 'run'),
  'POST /runs/{id}/gates/{gate}/approve': needs('submit', 'run'),
  'POST /runs/{id}/gates/{gate}/reject': needs('submit', 'run'),

  // A client names its tasks: whose they are is asked together with the name.
  'POST /api/modal/execute-task': needs('submit'),
  'GET /tasks': needs('read'),
  'GET /tasks/{task_id}': needs('read'),
  'DELETE /tasks/{task_id}': needs('submit'),

  'POST /api/webhooks/modal/task-complete': { kind: 'secret' },
};

/** The page that shows the API, and what it loads. */
const DOCUMENTATION = /^GET \/docs(\/|-|$)/;

/** @returns undefined for a route that nobody has said anything about */
export function accessOf(route: string): RouteAccess | undefined {
  return Object.hasOwn(ROUTE_ACCESS, route)
    ? ROUTE_ACCESS[route]
    : DOCUMENTATION.test(route)
      ? open
      : undefined;
}
