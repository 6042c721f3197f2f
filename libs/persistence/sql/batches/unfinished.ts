import { UNFINISHED_BATCH_STATUSES } from '#domain';

/** That a batch has not ended. Literals, not a parameter: the indexes of such batches are partial, by the same words. */
export const UNFINISHED = `batches.status IN (${UNFINISHED_BATCH_STATUSES.map((status) => `'${status}'`).join(',')})`;

/** That a batch which has not ended reads a file. */
export const FILE_IN_USE = `EXISTS (SELECT FROM batches WHERE batches.input_file_id = files.id AND ${UNFINISHED})`;
