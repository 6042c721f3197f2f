import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { ProblemError } from '#contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readUpload } from './read-upload.js';

/** Reads each upload and says what became of it. */
const server: Server = createServer((request, response) => {
  let bytes = 0;
  const sink = {
    write: (piece: Buffer) => {
      bytes += piece.length;
      return Promise.resolve();
    },
  };
  readUpload(request, sink, 1000).then(
    ({ filename, fields }) => response.end(JSON.stringify({ filename, fields: [...fields], bytes })),
    (error: unknown) =>
      response.end(error instanceof ProblemError ? error.message : `fault: ${String(error)}`),
  );
});
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function upload(...parts: readonly string[]): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=bnd', connection: 'close' },
    body: [...parts.map((part) => `--bnd\r\n${part}\r\n`), '--bnd--\r\n'].join(''),
  });
  return answer.text();
}

const PURPOSE = 'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch';
const FILE = 'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"a":1}\n';

describe('an upload', () => {
  it('is read piece by piece', async () => {
    expect(JSON.parse(await upload(PURPOSE, FILE))).toEqual({
      filename: 'a.jsonl',
      fields: [['purpose', 'batch']],
      bytes: 8,
    });
  });

  it.each([
    ['a field without a name', 'Content-Disposition: form-data\r\n\r\nbatch'],
    ['a field without a name that is too long', `Content-Disposition: form-data\r\n\r\n${'x'.repeat(2000)}`],
    ['a file without a name', 'Content-Disposition: form-data; filename="a.jsonl"\r\n\r\n{}'],
    ['a type alone', 'Content-Disposition: form-data\r\nContent-Type: application/octet-stream\r\n\r\n{}'],
  ])('is refused with %s, which is no fault of the process', async (_, part) => {
    expect(await upload(part, FILE)).toBe('VALIDATION_FAILED: body: has a part without a name');
    expect(await upload(PURPOSE, part, FILE)).toBe('VALIDATION_FAILED: body: has a part without a name');
  });

  it.each([
    ['a charset that is not named', 'Content-Type: text/plain; charset'],
    ['a charset that is empty', 'Content-Type: text/plain; charset='],
    ['a charset that nobody knows', 'Content-Type: text/plain; charset=none'],
    ['an empty type', 'Content-Type: ;'],
    ['an encoding that nobody knows', 'Content-Transfer-Encoding: none'],
    ['a header without a colon', 'none'],
  ])('is read, or refused, with %s', async (_, header) => {
    expect(await upload(`${header}\r\n${PURPOSE}`, `${header}\r\n${FILE}`)).toMatch(
      /^(\{|VALIDATION_FAILED)/,
    );
  });

  it.each([
    ['has sent half of it', 1000],
    ['has sent all of it', 0],
  ])('is given up at once where its client %s, and has gone before it is read', async (_, missing) => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const body = `--bnd\r\n${PURPOSE}\r\n--bnd\r\n${FILE}\r\n--bnd--\r\n`;
    const gone = new Promise<IncomingMessage>((resolve) =>
      server.once('request', (asked) =>
        asked.once('close', () => resolve(asked)).on('error', () => undefined),
      ),
    );
    const head = [
      'POST / HTTP/1.1',
      'Host: x',
      'Content-Type: multipart/form-data; boundary=bnd',
      `Content-Length: ${body.length + missing}`,
    ];
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy()),
    );
    const sink = { write: () => Promise.resolve() };
    await expect(readUpload(await gone, sink, 1000)).rejects.toThrow('REQUEST_INVALID: the upload broke off');
    await new Promise((resolve) => server.close(resolve));
  });
});
