import { randomUUID } from 'node:crypto';
import { ProblemError } from '#contracts';
import {
  appendChunk,
  beginFile,
  dropFile,
  finishFile,
  type Database,
  type FileRow,
  type Queryable,
} from '#persistence';
import { UNLIMITED, tooManyBytes, tooManyFiles, type FileRoom } from './file-room.js';

/** One row of a file's content: small enough for many at once, large enough for few commits. */
const CHUNK_BYTES = 256 * 1024;

export interface FileOwner {
  readonly tenant: string;
  readonly keyId: string | null;
}

/**
 * Writes a file as it comes, chunk by chunk, each a short statement of its own. Nobody sees the file until it is finished;
 * one whose writer dies is swept away.
 */
export class FileWriter {
  readonly id = randomUUID();
  private readonly pieces: Buffer[] = [];
  private pendingBytes = 0;
  private chunkNo = 0;
  private writtenBytes = 0;
  private begun = false;

  constructor(
    private readonly database: Database,
    private readonly owner: FileOwner,
    private readonly room: FileRoom = UNLIMITED,
  ) {}

  get bytes(): number {
    return this.writtenBytes + this.pendingBytes;
  }

  /** @throws ProblemError FILE_STORAGE_FULL, FILE_NOT_FOUND where it was taken for abandoned */
  async write(piece: Buffer | string): Promise<void> {
    let rest = typeof piece === 'string' ? Buffer.from(piece) : piece;
    while (rest.length > 0) {
      const taken = rest.subarray(0, CHUNK_BYTES - this.pendingBytes);
      this.pieces.push(taken);
      this.pendingBytes += taken.length;
      rest = rest.subarray(taken.length);
      if (this.pendingBytes === CHUNK_BYTES) await this.flush();
    }
  }

  /** Everything is in the database; `finish` makes it seen. */
  async flush(): Promise<void> {
    if (!this.begun) {
      const file = { id: this.id, tenant: this.owner.tenant, keyId: this.owner.keyId };
      const { files } = this.room;
      if (!(await this.database.transaction((client) => beginFile(client, file, files))))
        throw tooManyFiles(this.room);
      this.begun = true;
    }
    if (this.pendingBytes === 0) return;
    const content =
      this.pieces.length === 1 ? (this.pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(this.pieces);
    const stored = await appendChunk(this.database, this.id, this.chunkNo, this.writtenBytes, content);
    if (stored === undefined) throw takenForAbandoned();
    this.chunkNo += 1;
    this.writtenBytes += content.length;
    this.pieces.length = 0;
    this.pendingBytes = 0;
    if (this.room.bytes > 0 && stored > this.room.bytes) throw tooManyBytes(this.room);
  }

  /** @param client the transaction in which it becomes seen; `flush` goes before */
  async finish(
    client: Queryable,
    about: { readonly filename: string; readonly purpose: string; readonly expiresS: number | null },
  ): Promise<FileRow> {
    const file = await finishFile(client, this.id, about);
    if (file === undefined) throw takenForAbandoned();
    return file;
  }

  /** Takes back what was written. */
  async drop(): Promise<void> {
    if (this.begun) await dropFile(this.database, this.id);
  }
}

function takenForAbandoned(): ProblemError {
  const message = 'the upload was taken for abandoned; try again';
  return new ProblemError('FILE_NOT_FOUND', `file: ${message}`, [{ field: 'file', message }]);
}
