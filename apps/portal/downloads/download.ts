import { problemOf } from '../client/router-problem.js';
import { saveFile } from './save-file.js';

/**
 * Fetches with the key, which a link could not send, and hands the answer to the browser to keep. The browser holds it,
 * on disk where it is large; the page never has it as text.
 * @throws RouterProblem
 */
export async function download(
  fetchPath: (path: string) => Promise<Response>,
  path: string,
  fileName: string,
): Promise<Blob> {
  const response = await fetchPath(path);
  if (!response.ok) throw problemOf(await response.json().catch(() => undefined), response);
  const blob = await response.blob();
  saveFile(fileName, blob);
  return blob;
}
