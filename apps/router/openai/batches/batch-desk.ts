import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Configuration } from '#config';
import {
  ProblemError,
  batchErasedSchema,
  batchIdOf,
  batchListQuerySchema,
  batchListSchema,
  batchRequestSchema,
  batchSchema,
  charterView,
  fileIdOf,
  pageOf,
  parseBatchId,
  parseFileId,
  parseRequest,
  readDoorHeaders,
  type BatchRequest,
  type BatchView,
  type CharterView,
  type RequestLimits,
} from '#contracts';
import {
  PRIORITIES,
  completionWindowS,
  isBatchFinished,
  nextBatchStatus,
  visibleTenant,
  type Caller,
  type Priority,
} from '#domain';
import {
  findBatch,
  findFile,
  findKeyedBatch,
  insertBatch,
  listBatches,
  moveBatch,
  type BatchAsks,
  type BatchIdempotency,
  type BatchRow,
  type Database,
} from '#persistence';
import { fileNotFound } from '../files/file-not-found.js';
import { fileRoomOf, refuseFullRoom } from '../files/file-room.js';
import type { Erasure } from '../../retention/erasure.js';
import type { BatchJournal } from './batch-journal.js';
import type { BatchKeeper } from './batch-keeper.js';
import { batchNotFound } from './batch-not-found.js';
import { keyReused, requestHash } from '../../http/idempotency.js';
import { isThere, untilSent } from '../../http/until-sent.js';
import { holdRequest, isFinalRefusal } from '../held-request.js';
import type { UnkeyedRetries } from '../unkeyed-retries.js';

export interface DeskParts {
  readonly configuration: Pick<Configuration, 'limits'>;
  readonly database: Database;
  readonly limits: RequestLimits;
  readonly batchKeeper: Pick<BatchKeeper, 'poke'>;
  readonly batchJournal: BatchJournal;
  readonly erasure: Erasure;
  readonly retries: UnkeyedRetries;
}

/** A request for a batch, with what it is answered by. */
export interface Exchange {
  readonly request: Pick<FastifyRequest, 'headers'>;
  readonly reply: FastifyReply;
  readonly caller: Caller;
}

/** Batches as their callers know them. */
export class BatchDesk {
  constructor(private readonly parts: DeskParts) {}

  /**
   * Clients try again of their own: one whose answer was lost is given the batch that it has made.
   * @throws ProblemError VALIDATION_FAILED, FILE_NOT_FOUND, FILE_STORAGE_FULL, FORBIDDEN, IDEMPOTENCY_KEY_REUSED, QUEUE_FULL
   */
  async create(
    body: unknown,
    { request, reply, caller }: Exchange,
  ): Promise<CharterView<typeof batchSchema>> {
    const asked = parseRequest(batchRequestSchema, body);
    const asks = this.asksOf(request.headers, caller);
    const hungUp = new AbortController();
    const sent = untilSent(reply, () => hungUp.abort());
    const likeness = { route: 'batches', body: { asked, asks } };
    const held = await holdRequest(this.parts.retries, request, caller, likeness, 1, hungUp.signal);
    const idempotency = {
      key: held.idempotencyKey,
      requestHash: requestHash(likeness).toString('hex'),
    };
    try {
      const batch =
        (await this.known(caller.tenant, idempotency)) ?? (await this.make(asked, asks, idempotency, caller));
      const isHere = await isThere(reply);
      void sent.then((isSent) => (isHere && isSent ? held.settle() : held.release()));
      return batchView(batch);
    } catch (error) {
      await (isFinalRefusal(error) ? held.settle() : held.release());
      throw error;
    }
  }

  /** @throws ProblemError IDEMPOTENCY_KEY_REUSED */
  private async known(
    tenant: string,
    { key, requestHash: hash }: BatchIdempotency,
  ): Promise<BatchRow | undefined> {
    const found = await findKeyedBatch(this.parts.database, tenant, key);
    if (found !== undefined && found.requestHash !== hash) throw keyReused();
    return found?.batch;
  }

  private async make(
    asked: BatchRequest,
    asks: BatchAsks,
    idempotency: BatchIdempotency,
    caller: Caller,
  ): Promise<BatchRow> {
    const { database, configuration, batchKeeper, batchJournal } = this.parts;
    const windowS = completionWindowS(asked.completion_window) ?? 0;
    const fileId = parseFileId(asked.input_file_id);
    const file = fileId === undefined ? undefined : await findFile(database, fileId);
    // Also who sees everybody's files makes batches of their own alone: the jobs are theirs.
    if (file === undefined || file.tenant !== caller.tenant)
      throw fileNotFound(asked.input_file_id, 'input_file_id');
    if (file.purpose !== 'batch')
      throw invalid('input_file_id', 'must be a file that was uploaded with the purpose "batch"');
    // What batches write is kept in any case. Where they have gone beyond the tenant's room, no other is begun: one file
    // could be asked for ever.
    await refuseFullRoom(database, caller.tenant, fileRoomOf(configuration), 'input_file_id');
    const { unfinished_batches_per_tenant: unfinishedMax } = configuration.limits;
    const made = await database.transaction((client) =>
      insertBatch(
        client,
        {
          ...{ id: randomUUID(), tenant: caller.tenant, keyId: caller.keyId, keyLimits: caller.limits },
          ...{ endpoint: asked.endpoint, inputFileId: file.id, windowS, asks, idempotency },
          completionWindow: asked.completion_window,
          outputExpiresS: asked.output_expires_after?.seconds ?? null,
          metadata: asked.metadata ?? null,
        },
        unfinishedMax,
      ),
    );
    if (made === 'known') {
      const known = await this.known(caller.tenant, idempotency);
      if (known === undefined) throw new Error('a batch that its key made is gone');
      return known;
    }
    if (made === 'no_file') throw fileNotFound(asked.input_file_id, 'input_file_id');
    if (made === 'too_many') {
      const message = `a tenant may have ${unfinishedMax} batches that have not ended`;
      const field = 'limits.unfinished_batches_per_tenant';
      throw new ProblemError('QUEUE_FULL', `${field}: ${message}`, [{ field, message }], { retryAfterS: 60 });
    }
    batchJournal.record(made, null, { key_id: caller.keyId, request_id: caller.requestId });
    batchKeeper.poke(made.id);
    return made;
  }

  /** @throws ProblemError VALIDATION_FAILED */
  async list(query: unknown, caller: Caller): Promise<CharterView<typeof batchListSchema>> {
    const { limit, after } = parseRequest(batchListQuerySchema, query);
    const tenant = visibleTenant(caller);
    const before = after === undefined ? undefined : await this.placeOf(after, tenant);
    const rows = await listBatches(this.parts.database, tenant, before, limit + 1);
    return charterView(batchListSchema, pageOf(rows, limit, viewOf));
  }

  /** @throws ProblemError BATCH_NOT_FOUND */
  async read(batchId: string): Promise<CharterView<typeof batchSchema>> {
    return batchView(await this.find(batchId));
  }

  /**
   * Asking twice changes nothing.
   * @throws ProblemError BATCH_NOT_FOUND, BATCH_FINISHED also where only its files are still being written
   */
  async cancel(batchId: string, caller: Caller): Promise<CharterView<typeof batchSchema>> {
    const { database, batchKeeper, batchJournal } = this.parts;
    // It may move on between the look and the change: it is looked at again.
    for (;;) {
      const batch = await this.find(batchId);
      if (batch.status === 'cancelling') return batchView(batch);
      const to = nextBatchStatus(batch.status, 'cancelRequested');
      if (to !== 'cancelling') throw refusedBatch('BATCH_FINISHED', `the batch is ${batch.status}`);
      const moved = await moveBatch(database, batch.id, batch.status, to);
      if (moved === undefined) continue;
      batchJournal.record(moved, batch.status, { key_id: caller.keyId, request_id: caller.requestId });
      batchKeeper.poke(moved.id);
      return batchView(moved);
    }
  }

  /** @throws ProblemError BATCH_NOT_FOUND, BATCH_NOT_FINISHED */
  async erase(batchId: string, caller: Caller): Promise<CharterView<typeof batchErasedSchema>> {
    const batch = await this.find(batchId);
    if (!isBatchFinished(batch.status))
      throw refusedBatch('BATCH_NOT_FINISHED', 'the batch goes on: cancel it, or wait for its end');
    if (!(await this.parts.erasure.batch(batch.id, caller)))
      throw refusedBatch(
        'BATCH_NOT_FINISHED',
        'a job of the batch goes on, or its call is still being ended: ask again',
      );
    return charterView(batchErasedSchema, { id: batchIdOf(batch.id), object: 'batch', erased: true });
  }

  private async find(batchId: string): Promise<BatchRow> {
    const id = parseBatchId(batchId);
    const batch = id === undefined ? undefined : await findBatch(this.parts.database, id);
    if (batch === undefined) throw batchNotFound(batchId);
    return batch;
  }

  /** What the door's headers ask holds for every line. */
  private asksOf(headers: Readonly<Record<string, unknown>>, { limits }: Caller): BatchAsks {
    const { 'x-beacon-keep-alive': _keepAlive, ...read } = readDoorHeaders(headers, this.parts.limits);
    return { priority: read['x-beacon-priority'] ?? lowestOf(limits.priorities), headers: read };
  }

  private async placeOf(after: string, tenant: string | undefined): Promise<string> {
    const id = parseBatchId(after);
    const batch = id === undefined ? undefined : await findBatch(this.parts.database, id);
    if (batch !== undefined && (tenant === undefined || batch.tenant === tenant)) return batch.batchNo;
    throw invalid('after', 'is not the id of a batch');
  }
}

/** Batches have hours: they step back for whoever waits, and age like every low job, so that they are not starved. */
function lowestOf(allowed: readonly Priority[] | undefined): Priority {
  return PRIORITIES.toReversed().find((priority) => allowed?.includes(priority) ?? true) ?? 'low';
}

/** The batch that the path names is not as it would have to be. */
function refusedBatch(code: 'BATCH_FINISHED' | 'BATCH_NOT_FINISHED', message: string): ProblemError {
  return new ProblemError(code, `batch_id: ${message}`, [{ field: 'batch_id', message }]);
}

function invalid(field: string, message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `${field}: ${message}`, [{ field, message }]);
}

function batchView(batch: BatchRow): CharterView<typeof batchSchema> {
  return charterView(batchSchema, viewOf(batch));
}

function viewOf(batch: BatchRow): BatchView {
  const { usage, model } = batch;
  return {
    id: batchIdOf(batch.id),
    object: 'batch',
    endpoint: batch.endpoint,
    errors: batch.errors === null ? null : { object: 'list', data: [...batch.errors] },
    input_file_id: fileIdOf(batch.inputFileId),
    completion_window: batch.completionWindow,
    status: batch.status,
    output_file_id: batch.outputFileId === null ? null : fileIdOf(batch.outputFileId),
    error_file_id: batch.errorFileId === null ? null : fileIdOf(batch.errorFileId),
    created_at: secondsOf(batch.createdAt),
    in_progress_at: secondsOrNull(batch.inProgressAt),
    expires_at: secondsOf(batch.expiresAt),
    finalizing_at: secondsOrNull(batch.finalizingAt),
    completed_at: secondsOrNull(batch.completedAt),
    failed_at: secondsOrNull(batch.failedAt),
    expired_at: secondsOrNull(batch.expiredAt),
    cancelling_at: secondsOrNull(batch.cancellingAt),
    cancelled_at: secondsOrNull(batch.cancelledAt),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    metadata: batch.metadata,
    ...(model === null ? {} : { model }),
    ...(usage === null
      ? {}
      : {
          usage: {
            input_tokens: usage.inputTokens,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: usage.outputTokens,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: usage.inputTokens + usage.outputTokens,
          },
        }),
  };
}

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}

function secondsOrNull(time: Date | null): number | null {
  return time === null ? null : secondsOf(time);
}
