import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyFileStream, type BusboyHeaders } from '@fastify/busboy';
import { ProblemError } from '#contracts';

/** A client that sends nothing for so long has gone. */
const STALLED_MS = 60_000;
const FIELDS_MAX = 8;
const FIELD_BYTES_MAX = 1024;
const FILENAME_CHARACTERS_MAX = 255;

export interface UploadSink {
  write(piece: Buffer): Promise<void>;
}

export interface Upload {
  readonly filename: string;
  readonly fields: ReadonlyMap<string, string>;
}

/**
 * Reads a form with one file, whose content goes to the sink as it comes: no more of it is held than one piece.
 * @throws ProblemError VALIDATION_FAILED, BODY_TOO_LARGE, REQUEST_INVALID where the client has gone, and the sink's
 */
export async function readUpload(
  request: IncomingMessage,
  sink: UploadSink,
  fileBytesMax: number,
): Promise<Upload> {
  const form = formOf(request, fileBytesMax);
  const fields = new Map<string, string>();
  let file: { readonly filename: string; readonly stored: Promise<void> } | undefined;
  return new Promise<Upload>((resolve, reject) => {
    let stream: BusboyFileStream | undefined;
    let settled = false;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(stalled);
      request.off('data', alive).off('close', gone).off('error', gone);
      act();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        // What still comes is read and dropped by whoever answers.
        request.unpipe(form);
        stream?.destroy();
        form.destroy();
        // The sink may be in the middle of a piece: it is let finish before anything is taken back.
        void (file?.stored ?? Promise.resolve())
          .catch(() => undefined)
          .then(() => {
            reject(error instanceof Error ? error : new Error(String(error)));
          });
      });
    const alive = (): void => void stalled.refresh();
    const gone = (): void => {
      // Not `complete`: what came whole and was not read goes with its client.
      if (!request.readableEnded) fail(new ProblemError('REQUEST_INVALID', 'the upload broke off'));
    };
    const stalled = setTimeout(
      () => fail(new ProblemError('REQUEST_INVALID', `nothing came for ${STALLED_MS / 1000} s`)),
      STALLED_MS,
    );
    request.on('data', alive).on('close', gone).on('error', gone);
    // A stream of the form that fails after all is settled must not end the process.
    form.on('error', () => fail(invalid('body', 'is not a multipart form')));
    form.on('field', (name: string | undefined, value, nameTruncated, valueTruncated) => {
      if (name === undefined) return fail(nameless());
      if (nameTruncated || valueTruncated) return fail(invalid(name.slice(0, 64), 'is too long'));
      if (fields.has(name)) return fail(invalid(name, 'is there twice'));
      fields.set(name, value);
    });
    form.on('fieldsLimit', () => fail(invalid('body', `may have ${FIELDS_MAX} fields`)));
    form.on('partsLimit', () => fail(invalid('body', `may have ${FIELDS_MAX} fields and one file`)));
    form.on('filesLimit', () => fail(invalid('file', 'must be one file')));
    form.on('file', (name: string | undefined, content, filename) => {
      content.on('error', () => undefined);
      if (name === undefined) {
        content.resume();
        return fail(nameless());
      }
      if (name !== 'file') {
        content.resume();
        return fail(invalid(name.slice(0, 64), 'is not a known file; the field is "file"'));
      }
      stream = content;
      const stored = store(content, sink, fileBytesMax);
      file = { filename: cleaned(filename), stored };
      stored.catch(fail);
    });
    form.on('finish', () => {
      if (settled) return;
      if (file === undefined) return fail(invalid('file', 'is missing'));
      const { filename, stored } = file;
      stored.then(() => settle(() => resolve({ filename, fields })), fail);
    });
    request.pipe(form);
    // Whoever had gone before anyone listened tells nobody of it.
    if (request.destroyed) gone();
  });
}

async function store(content: BusboyFileStream, sink: UploadSink, bytesMax: number): Promise<void> {
  for await (const piece of content as AsyncIterable<Buffer>) {
    if (content.truncated) break;
    await sink.write(piece);
  }
  if (content.truncated) {
    const message = `is larger than ${bytesMax} bytes (limits.file_bytes)`;
    throw new ProblemError('BODY_TOO_LARGE', `file: ${message}`, [{ field: 'file', message }]);
  }
}

function formOf(request: IncomingMessage, fileBytesMax: number): ReturnType<typeof Busboy> {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        files: 1,
        fields: FIELDS_MAX,
        parts: FIELDS_MAX + 1,
        fieldNameSize: 100,
        fieldSize: FIELD_BYTES_MAX,
        fileSize: fileBytesMax,
        headerPairs: 20,
        headerSize: 4096,
      },
    });
  } catch {
    throw invalid('Content-Type', 'must be multipart/form-data with a boundary');
  }
}

/** A name is kept to be shown again: without what a terminal, a header or Postgres would not take. */
function cleaned(filename: string | undefined): string {
  const text = (filename ?? '')
    .toWellFormed()
    .replace(/\p{Cc}/gu, '')
    .slice(0, FILENAME_CHARACTERS_MAX);
  return text === '' ? 'file' : text.toWellFormed();
}

/** Whatever the parser's types say of names: one that was taken for there would be a fault that ends the process. */
function nameless(): ProblemError {
  return invalid('body', 'has a part without a name');
}

function invalid(field: string, message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `${field}: ${message}`, [{ field, message }]);
}
