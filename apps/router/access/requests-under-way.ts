import type { FastifyInstance } from 'fastify';
import type { KeyRing } from './key-ring.js';

/**
 * Ends what a key has under way once it is valid no more: a stream of events, or a wait for an answer, may otherwise go on
 * for hours. Whoever waits sees the connection end, as if the server had died; what was accepted is not undone.
 */
export function endWithKeys(server: FastifyInstance, ring: KeyRing): void {
  const underWay = new Map<string, Set<() => void>>();
  server.addHook('onRequest', (request, reply, done) => {
    const keyId = request.caller?.keyId;
    if (keyId === null || keyId === undefined) {
      done();
      return;
    }
    const end = (): void => void reply.raw.destroy();
    const ends = underWay.get(keyId) ?? new Set();
    underWay.set(keyId, ends.add(end));
    reply.raw.once('close', () => {
      ends.delete(end);
      if (ends.size === 0 && underWay.get(keyId) === ends) underWay.delete(keyId);
    });
    done();
  });
  ring.whenEnded((keyId) => {
    for (const end of underWay.get(keyId) ?? []) end();
  });
}
