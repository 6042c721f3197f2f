import { DEFAULT_PORT } from '#config';
import { findFreePort, isPortFree } from '#embedded-services';
import { CommandError } from '../command-error.js';
import { EXIT_PORT_TAKEN } from '../exit-codes.js';

/**
 * @param wanted `undefined`: the default port, or a free one where it is taken; 0: a free one
 * @throws CommandError where the port that was asked for is taken
 */
export async function choosePort(
  host: string,
  wanted: number | undefined,
  defaultPort = DEFAULT_PORT,
): Promise<number> {
  if (wanted === 0) return findFreePort(host);
  if (await isPortFree(wanted ?? defaultPort, host)) return wanted ?? defaultPort;
  if (wanted === undefined) return findFreePort(host);
  throw portTaken(wanted);
}

export function portTaken(port: number): CommandError {
  const message = `port ${port} (BEACON_PORT) is taken by another process: stop it, or choose another port`;
  return new CommandError(message, EXIT_PORT_TAKEN);
}
