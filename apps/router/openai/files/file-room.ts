import type { Configuration } from '#config';
import { ProblemError } from '#contracts';
import { readStoredFiles, type Database } from '#persistence';

/** What the files of one tenant may come to; 0: no limit. */
export interface FileRoom {
  readonly bytes: number;
  readonly files: number;
}

/** Without a limit: what batches write was paid for. */
export const UNLIMITED: FileRoom = { bytes: 0, files: 0 };

export function fileRoomOf({ limits }: Pick<Configuration, 'limits'>): FileRoom {
  return { bytes: limits.file_bytes_per_tenant, files: limits.files_per_tenant };
}

/**
 * @param field that asks for room: an upload needs some; a batch needs none of its own, unless there is less than none
 * @throws ProblemError FILE_STORAGE_FULL
 */
export async function refuseFullRoom(
  database: Database,
  tenant: string,
  room: FileRoom,
  field: 'file' | 'input_file_id',
): Promise<void> {
  if (room.bytes === 0 && room.files === 0) return;
  const { bytes, files } = await readStoredFiles(database, tenant);
  const needed = field === 'file' ? 1 : 0;
  if (room.bytes > 0 && bytes + needed > room.bytes) throw tooManyBytes(room, field);
  if (room.files > 0 && files + needed > room.files) throw tooManyFiles(room, field);
}

export function tooManyBytes({ bytes }: FileRoom, field = 'file'): ProblemError {
  return full(field, `the files of a tenant may take ${bytes} bytes (limits.file_bytes_per_tenant)`);
}

export function tooManyFiles({ files }: FileRoom, field = 'file'): ProblemError {
  return full(field, `a tenant may have ${files} files (limits.files_per_tenant)`);
}

function full(field: string, what: string): ProblemError {
  const message = `${what}; delete some, or wait until some expire`;
  return new ProblemError('FILE_STORAGE_FULL', `${field}: ${message}`, [{ field, message }]);
}
