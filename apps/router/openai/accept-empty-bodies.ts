import type { FastifyInstance } from 'fastify';
import { speaksOpenAi } from './refusals.js';

/**
 * OpenAI's client for Python announces JSON with every request, also where it sends no body: `files.delete`,
 * `batches.cancel`. That is no malformed document; where a body is needed, its schema refuses what is not there.
 */
export function acceptEmptyBodies(server: FastifyInstance): void {
  server.addHook('onRequest', ({ url, headers }, _reply, done) => {
    const length = headers['content-length'];
    const isEmpty = headers['transfer-encoding'] === undefined && (length === undefined || length === '0');
    if (isEmpty && speaksOpenAi(url)) delete headers['content-type'];
    done();
  });
}
