import type { FastifyReply } from 'fastify';

/**
 * @param left called where the connection ends before the answer was sent; at once where it has ended already
 * @returns whether it was sent, once the connection has ended or is free again; never rejects
 */
export function untilSent(
  { raw }: Pick<FastifyReply, 'raw'>,
  left: () => void = () => undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (): void => {
      if (!raw.writableFinished) left();
      resolve(raw.writableFinished);
    };
    // A client that went before its request came here, while its key was looked up for one, has been told of already.
    if (raw.destroyed) end();
    else raw.once('close', end);
  });
}
