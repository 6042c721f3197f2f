import { setImmediate as nextTurn } from 'node:timers/promises';
import { ProblemError } from '#contracts';
import type { FastifyReply } from 'fastify';

/**
 * @param left called where the connection ends before the answer was sent; at once where it has ended already
 * @returns whether it was sent, once the connection has ended or is free again; never rejects
 */
export function untilSent(
  { raw }: Pick<FastifyReply, 'raw'>,
  left: () => void = () => undefined,
): Promise<boolean> {
  // An answer that waits for its turn on a connection has no socket yet, and is told nothing of its end.
  const { socket } = raw.req;
  return new Promise((resolve) => {
    let isOver = false;
    const end = (): void => {
      // The one may come within the other.
      if (isOver) return;
      isOver = true;
      raw.off('close', end);
      socket.off('close', end);
      if (!raw.writableFinished) left();
      resolve(raw.writableFinished);
    };
    // A client that went before its request came here, while its key was looked up for one, has been told of already.
    if (raw.destroyed || socket.destroyed) end();
    else {
      raw.once('close', end);
      socket.once('close', end);
    }
  });
}

/**
 * Whether the client is there to be told, as far as the network has said: an answer that is written to one that has just
 * hung up seems to have been sent.
 */
export async function isThere({ raw }: Pick<FastifyReply, 'raw'>): Promise<boolean> {
  // What has come in meanwhile is read between two turns.
  await nextTurn();
  await nextTurn();
  const { socket } = raw.req;
  return !socket.destroyed && !socket.writableEnded;
}

/** Nobody is told: it says in the log why nothing was done. */
export function clientGone(): ProblemError {
  return new ProblemError('REQUEST_INVALID', 'the client has gone, so no job was made');
}
