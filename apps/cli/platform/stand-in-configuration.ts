import { rename, writeFile } from 'node:fs/promises';
import { parseConfiguration, type Configuration } from '#config';

const FETCH_TIMEOUT_MS = 10_000;

/**
 * Asks the local stand-in for the configuration that matches it, and keeps it in a file for the other processes.
 * @throws ConfigurationError where it does not pass the checks that every configuration must
 */
export async function fetchStandInConfiguration(standInUrl: string, path: string): Promise<Configuration> {
  const answer = await fetch(new URL('/_stand-in/beacon.yaml', standInUrl), {
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`the stand-in gives no configuration (HTTP ${answer.status})`);
  const text = await answer.text();
  const configuration = parseConfiguration(text, 'the configuration of the stand-in');
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return configuration;
}
