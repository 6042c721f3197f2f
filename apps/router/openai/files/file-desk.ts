import type { IncomingMessage } from 'node:http';
import type { Configuration } from '#config';
import {
  ProblemError,
  charterView,
  fileDeletedSchema,
  fileFieldsSchema,
  fileIdOf,
  fileListQuerySchema,
  fileListSchema,
  fileSchema,
  pageOf,
  parseFileId,
  parseRequest,
  type CharterView,
  type FileView,
} from '#contracts';
import { visibleTenant, type Caller } from '#domain';
import type { Logger, Metrics } from '#observability';
import { deleteFile, findFile, listFiles, readChunk, type Database, type FileRow } from '#persistence';
import { fileNotFound } from './file-not-found.js';
import { fileRoomOf, refuseFullRoom } from './file-room.js';
import { FileWriter } from './file-writer.js';
import { readUpload } from './read-upload.js';

const DAY_S = 86_400;
/** Uploads that one router takes at once: each holds a chunk or two, and a connection now and then. */
const UPLOADS_MAX = 32;
const UPLOADS_OF_TENANT_MAX = 16;

export interface FileParts {
  readonly configuration: Pick<Configuration, 'limits' | 'retention'>;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Files: what is uploaded, and what batches write. */
export class FileDesk {
  /** Under way, by tenant. */
  private readonly uploads = new Map<string, number>();

  constructor(private readonly parts: FileParts) {}

  /**
   * Takes an upload, whose content is in the database as it comes.
   * @throws ProblemError VALIDATION_FAILED, BODY_TOO_LARGE, FILE_STORAGE_FULL, REQUEST_INVALID, QUEUE_FULL
   */
  async upload(request: IncomingMessage, caller: Caller): Promise<CharterView<typeof fileSchema>> {
    const { configuration, database, metrics, logger } = this.parts;
    const room = fileRoomOf(configuration);
    const release = this.takePlace(caller.tenant);
    const writer = new FileWriter(database, caller, room);
    try {
      await refuseFullRoom(database, caller.tenant, room, 'file');
      const { filename, fields } = await readUpload(request, writer, configuration.limits.file_bytes);
      const { purpose, expires_after: expiresAfter } = parseRequest(fileFieldsSchema, formOf(fields));
      await writer.flush();
      const expiresS = this.expiresS(purpose, expiresAfter?.seconds ?? null);
      const file = await writer.finish(database, { filename, purpose, expiresS });
      metrics.count('beacon_files_total', { purpose, change: 'stored' });
      logger.info(
        {
          ...{ event: 'file.stored', file_id: fileIdOf(file.id), tenant: caller.tenant, purpose },
          ...{ bytes: file.bytes, request_id: caller.requestId },
        },
        'file stored',
      );
      return charterView(fileSchema, viewOf(file));
    } catch (error) {
      // Where this fails too, it is swept away later.
      await writer.drop().catch(() => undefined);
      throw error;
    } finally {
      release();
    }
  }

  /**
   * A tenant may be slow: it must not keep out the others.
   * @throws ProblemError QUEUE_FULL
   */
  private takePlace(tenant: string): () => void {
    const own = this.uploads.get(tenant) ?? 0;
    const all = [...this.uploads.values()].reduce((sum, uploads) => sum + uploads, 0);
    if (all >= UPLOADS_MAX || own >= UPLOADS_OF_TENANT_MAX) {
      const which =
        all >= UPLOADS_MAX ? `${UPLOADS_MAX} uploads` : `${UPLOADS_OF_TENANT_MAX} of your uploads`;
      throw new ProblemError('QUEUE_FULL', `${which} are under way here; try again`, [], { retryAfterS: 5 });
    }
    this.uploads.set(tenant, own + 1);
    return () => {
      const left = (this.uploads.get(tenant) ?? 1) - 1;
      if (left > 0) this.uploads.set(tenant, left);
      else this.uploads.delete(tenant);
    };
  }

  /** @throws ProblemError VALIDATION_FAILED */
  async list(query: unknown, caller: Caller): Promise<CharterView<typeof fileListSchema>> {
    const { limit, order, purpose, after } = parseRequest(fileListQuerySchema, query);
    const tenant = visibleTenant(caller);
    const afterNo = after === undefined ? undefined : await this.placeOf(after, tenant);
    const rows = await listFiles(this.parts.database, { tenant, purpose, order, after: afterNo }, limit + 1);
    return charterView(fileListSchema, pageOf(rows, limit, viewOf));
  }

  /** @throws ProblemError FILE_NOT_FOUND */
  async read(fileId: string): Promise<CharterView<typeof fileSchema>> {
    return charterView(fileSchema, viewOf(await this.find(fileId)));
  }

  /** @throws ProblemError FILE_NOT_FOUND */
  async find(fileId: string): Promise<FileRow> {
    const id = parseFileId(fileId);
    const file = id === undefined ? undefined : await findFile(this.parts.database, id);
    if (file === undefined) throw fileNotFound(fileId);
    return file;
  }

  /** A file's content, a chunk in memory at a time, as fast as the client takes it. */
  async *content({ id, bytes }: FileRow): AsyncGenerator<Buffer, void, undefined> {
    let sent = 0;
    for (let chunkNo = 0; sent < bytes; chunkNo += 1) {
      const chunk = await readChunk(this.parts.database, id, chunkNo);
      // Deleted while it was being read: the client sees that it is not whole by its length.
      if (chunk === undefined) throw new Error(`file ${id} has no chunk ${chunkNo}`);
      sent += chunk.length;
      yield chunk;
    }
  }

  /** @throws ProblemError FILE_NOT_FOUND, FILE_IN_USE */
  async delete(fileId: string, caller: Caller): Promise<CharterView<typeof fileDeletedSchema>> {
    const { database, metrics, logger } = this.parts;
    const { id, purpose, tenant } = await this.find(fileId);
    const deleted = await database.transaction((client) => deleteFile(client, id));
    if (deleted === 'unknown') throw fileNotFound(fileId);
    if (deleted === 'in_use') {
      const message = 'a batch that has not ended reads it; cancel the batch first';
      throw new ProblemError('FILE_IN_USE', `file_id: ${message}`, [{ field: 'file_id', message }]);
    }
    metrics.count('beacon_files_total', { purpose, change: 'deleted' });
    logger.info(
      { event: 'file.deleted', file_id: fileId, tenant, purpose, request_id: caller.requestId },
      'file deleted',
    );
    return charterView(fileDeletedSchema, { id: fileId, object: 'file', deleted: true });
  }

  /** How long a file stays: as asked, else as batches' files do; no longer than retention lets contents stay. */
  private expiresS(purpose: string, askedS: number | null): number | null {
    const { files_days: filesDays, prompts_days: promptsDays } = this.parts.configuration.retention;
    const ownS = askedS ?? (purpose === 'batch' && filesDays > 0 ? filesDays * DAY_S : null);
    const times = [ownS, promptsDays > 0 ? promptsDays * DAY_S : null].filter((time) => time !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  private async placeOf(after: string, tenant: string | undefined): Promise<string> {
    const id = parseFileId(after);
    const file = id === undefined ? undefined : await findFile(this.parts.database, id);
    if (file !== undefined && (tenant === undefined || file.tenant === tenant)) return file.fileNo;
    const message = 'is not the id of a file';
    throw new ProblemError('VALIDATION_FAILED', `after: ${message}`, [{ field: 'after', message }]);
  }
}

/** `expires_after[seconds]=3600` is how forms spell members. */
function formOf(fields: ReadonlyMap<string, string>): Record<string, unknown> {
  const form: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const expiresAfter: Record<string, string> = {};
  for (const [name, value] of fields) {
    const member = /^expires_after\[(anchor|seconds)\]$/.exec(name)?.[1];
    if (member === undefined) form[name] = value;
    else expiresAfter[member] = value;
  }
  return { ...form, ...(Object.keys(expiresAfter).length === 0 ? {} : { expires_after: expiresAfter }) };
}

function viewOf({ id, bytes, createdAt, expiresAt, filename, purpose }: FileRow): FileView {
  return {
    id: fileIdOf(id),
    object: 'file',
    bytes,
    created_at: Math.floor(createdAt.getTime() / 1000),
    ...(expiresAt === null ? {} : { expires_at: Math.floor(expiresAt.getTime() / 1000) }),
    filename,
    purpose: purpose as FileView['purpose'],
    status: 'processed',
  };
}
