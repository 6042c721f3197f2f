import { ProblemError } from '#contracts';

/** @param field that names it: of the path, or of the body of a batch */
export function fileNotFound(id: string, field: 'file_id' | 'input_file_id' = 'file_id'): ProblemError {
  const message = `there is no file "${id.slice(0, 64)}"`;
  return new ProblemError('FILE_NOT_FOUND', `${field}: ${message}`, [{ field, message }]);
}
