import { spawn } from 'node:child_process';

export interface ToolRun {
  readonly parameters: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal | undefined;
  /** Told every ten seconds how long it has taken. */
  readonly onWaiting: (seconds: number) => void;
}

const WAITING_EVERY_S = 10;
const REMEMBERED_CHARS = 8000;
/** A line that says what is wrong; what tools add around it is of no help in one line. */
const TELLING = /error/i;

/**
 * Runs a program to its end.
 * @throws an error that says in one line what the program said, or the signal's reason
 */
export async function runTool(tool: string, run: ToolRun): Promise<void> {
  run.signal?.throwIfAborted();
  let seconds = 0;
  const ticking = setInterval(() => run.onWaiting((seconds += WAITING_EVERY_S)), WAITING_EVERY_S * 1000);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(tool, run.parameters, {
        cwd: run.folder,
        env: { ...run.environment },
        stdio: ['ignore', 'pipe', 'pipe'],
        // Nobody waits for what it has fetched so far.
        ...(run.signal === undefined ? {} : { signal: run.signal, killSignal: 'SIGKILL' }),
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream
          .setEncoding('utf8')
          .on('data', (text: string) => (said = (said + text).slice(-REMEMBERED_CHARS)));
      }
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'ENOENT' ? new Error(`${tool} is not on PATH`) : error),
      );
      child.once('close', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`${tool}: ${telling(said) ?? `ended with code ${code ?? 'none'}`}`));
      });
    });
  } catch (error) {
    run.signal?.throwIfAborted();
    throw error;
  } finally {
    clearInterval(ticking);
  }
}

function telling(said: string): string | undefined {
  const lines = said.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  return lines.findLast((line) => TELLING.test(line) && !line.includes('complete log')) ?? lines.at(-1);
}
