import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError, parseBatchId, parseFileId } from '#contracts';
import { hasRole, maySee, seesAllTenants, type Caller } from '#domain';
import { actOf } from './act-of.js';
import {
  appendAudit,
  readBatchTenant,
  readDeliveryTenant,
  readFileTenant,
  readJobTenant,
  readRunTenant,
  type Database,
} from '#persistence';
import { jobNotFound } from '../jobs/job-not-found.js';
import { batchNotFound } from '../openai/batches/batch-not-found.js';
import { fileNotFound } from '../openai/files/file-not-found.js';
import { runNotFound } from '../runs/run-id.js';
import { routeName } from '../http/route-table.js';
import type { RateLimits } from '../limits/rate-limits.js';
import { webhookNotFound } from '../webhooks/webhook-not-found.js';
import '../http/trace-requests.js';
import './caller.js';
import { OWNER_PARAMETERS, accessOf, type OwnedResource } from './route-access.js';
import { isUuid } from '../http/ids.js';

export interface Authenticator {
  /** @throws ProblemError UNAUTHENTICATED */
  authenticate(request: FastifyRequest): Caller | Promise<Caller>;
}

const OWNERS: Readonly<
  Record<
    OwnedResource,
    {
      /** @returns undefined: it is no id of such a thing */
      idOf: (text: string) => string | undefined;
      tenantOf: (database: Database, id: string) => Promise<string | undefined>;
      notFound: (id: string) => Error;
    }
  >
> = {
  job: { idOf: uuidOf, tenantOf: readJobTenant, notFound: jobNotFound },
  run: { idOf: uuidOf, tenantOf: readRunTenant, notFound: runNotFound },
  webhook: { idOf: uuidOf, tenantOf: readDeliveryTenant, notFound: webhookNotFound },
  file: { idOf: parseFileId, tenantOf: readFileTenant, notFound: (id) => fileNotFound(id) },
  batch: { idOf: parseBatchId, tenantOf: readBatchTenant, notFound: batchNotFound },
};

/**
 * Asks of every request who it is from and whether that may be, before its body is read. Here and not in controllers, so
 * that none can forget it. What belongs to others is answered for as what is not there: nobody learns which ids exist.
 */
export function guardRoutes(
  server: FastifyInstance,
  database: Database,
  authenticator: Authenticator,
  rateLimits: RateLimits,
): void {
  server.decorateRequest('caller', null);
  server.addHook('onRequest', async (request, reply) => {
    const { url } = request.routeOptions;
    // No route: the answer is 404, whoever asks.
    if (url === undefined) return;
    const route = routeName(request.method, url);
    const access = accessOf(route);
    if (access === undefined) throw new Error(`nobody has said who may use ${request.method} ${url}`);
    if (access.kind === 'open' || access.kind === 'secret') return;
    const known = await rateLimits.slowGuessing(request, () => authenticator.authenticate(request));
    const traceparent = request.span?.traceparent;
    const caller = {
      ...{ ...known, requestId: request.id },
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    request.caller = caller;
    // What a key opens is for its holder alone.
    void reply.header('cache-control', 'no-store');
    rateLimits.take(caller, route, reply);
    if (access.kind === 'caller') return;
    const { role, or } = access;
    if (!hasRole(caller, role) && (or === undefined || !hasRole(caller, or))) {
      const other = or === undefined ? '' : ` or "${or}"`;
      throw new ProblemError('FORBIDDEN', `this needs a key with the role "${role}"${other}`);
    }
    if (access.owned !== undefined) await lookAtOwner(database, request, route, caller, access.owned);
  });
}

/** Refuses what belongs to others; where somebody may steer it all the same, that is written down before it is done. */
async function lookAtOwner(
  database: Database,
  request: FastifyRequest,
  route: string,
  caller: Caller,
  resource: OwnedResource,
): Promise<void> {
  const isSeen = seesAllTenants(caller);
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isSeen && (isRead || caller.kind !== 'key')) return;
  const text = (request.params as Record<string, string>)[OWNER_PARAMETERS[resource]] ?? '';
  const { idOf, tenantOf, notFound } = OWNERS[resource];
  const id = idOf(text);
  // What is no id is nobody's: the controller says so.
  if (id === undefined) return;
  const tenant = await tenantOf(database, id);
  if (tenant === undefined || !maySee(caller, tenant)) throw notFound(text);
  if (tenant === caller.tenant) return;
  await appendAudit(database, actOf(caller, 'tenant.steered', id, { route, tenant }));
}

function uuidOf(text: string): string | undefined {
  return isUuid(text) ? text : undefined;
}

/** @throws naming routes that nobody has said anything about: they would be refused to everybody */
export function requireAccess(routes: readonly string[]): void {
  const unknown = routes.filter((route) => accessOf(route) === undefined);
  if (unknown.length > 0) throw new Error(`route-access.ts does not say who may use ${unknown.join(', ')}`);
  const ownerless = routes.filter((route) => NAMES_OWNED.test(route) && !saysWhose(route));
  if (ownerless.length > 0) throw new Error(`route-access.ts does not say whose ${ownerless.join(', ')} is`);
}

/** Paths that name a tenant's thing by an id of ours. */
const NAMES_OWNED = /\{(job_id|event_id|file_id|batch_id)\}| \/runs\/\{id\}/;

function saysWhose(route: string): boolean {
  const access = accessOf(route);
  return access?.kind === 'role' && access.owned !== undefined;
}
