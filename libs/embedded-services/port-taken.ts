import { isPortFree } from './free-port.js';

/** As Node, Postgres (in any case of letters) and nats-server put it. */
const SAYS_TAKEN = /address already in use|EADDRINUSE/i;

/**
 * Whether a server that did not start found its port taken. Its own words count, too: whoever took the port may be gone
 * again by the time somebody looks.
 * @param said by the server as it ended
 */
export async function wasPortTaken(port: number, said: string, host?: string): Promise<boolean> {
  return SAYS_TAKEN.test(said) || !(await isPortFree(port, host));
}
