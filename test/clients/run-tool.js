import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Longer than all that a tool does here, at the time scale it does it at. */
const REAL_S = 120;
const SIMULATED_S = 1500;
const TAIL_CHARS = 3000;

/** A tool did something else than it had to. */
export class ToolFailure extends Error {}

/**
 * Runs a tool's own command, as a user would: its defaults stand, and it knows the address and the key from its environment.
 * @param {string} command
 * @param {string[]} parameters
 * @param {{ cwd: string, timeScale: number, environment: Record<string, string> }} options
 * @returns {Promise<{ code: number | null, stdout: string, output: string }>} `output`: both streams
 */
export async function runTool(command, parameters, { cwd, timeScale, environment }) {
  const { PATH, TMPDIR } = process.env;
  const own = { PATH, HOME: cwd, LANG: 'C.UTF-8', ...(TMPDIR === undefined ? {} : { TMPDIR }) };
  // A group of its own: what a tool starts ends with it.
  const child = spawn(command, parameters, {
    cwd,
    env: { ...own, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let stdout = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => ((stdout += chunk), (output += chunk)));
  child.stderr.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  let late = false;
  const timer = setTimeout(() => ((late = true), end()), (REAL_S + SIMULATED_S / timeScale) * 1000);
  process.once('exit', end);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  process.removeListener('exit', end);
  end();
  if (late) throw new ToolFailure(`it did not end\n${tail(output)}`);
  return { code, stdout, output };
}

/** @throws ToolFailure where it ended with another code */
export async function runToEnd(command, parameters, options) {
  const ended = await runTool(command, parameters, options);
  if (ended.code !== 0) throw new ToolFailure(`it ended with ${ended.code}\n${tail(ended.output)}`);
  return ended;
}

/** The end of what a tool said. */
export function tail(text) {
  return text.slice(-TAIL_CHARS).trim();
}
