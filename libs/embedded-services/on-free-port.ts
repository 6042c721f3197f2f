import { findFreePort } from './free-port.js';
import { wasPortTaken } from './port-taken.js';
import { ServiceStartError } from './service-error.js';

const PORT_ATTEMPTS = 5;

/**
 * Starts a server on a free port: another one where somebody took that between its choice and its use.
 * @param asked the only port to try, where one is asked for
 * @throws what `start` throws
 */
export async function onFreePort<T>(
  asked: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const port = asked ?? (await findFreePort());
    try {
      return await start(port);
    } catch (error) {
      const isTaken = error instanceof ServiceStartError && (await wasPortTaken(port, error.message));
      if (!isTaken || asked !== undefined || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}
