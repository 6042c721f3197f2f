import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const OUTPUT_BYTES = 16 * 1024 * 1024;
const LOCK_WAIT_S = 300;
const LOCK_POLL_MS = 500;

export function runTool(program, parameters, options) {
  return new Promise((fulfil, reject) => {
    const settings = { maxBuffer: OUTPUT_BYTES, ...options };
    execFile(program, parameters, settings, (error, stdout, stderr) => {
      if (error === null) fulfil(stdout + stderr);
      else {
        const reason = stderr.trim().split('\n').at(-1) || (error.killed ? 'took too long' : error.message);
        reject(Object.assign(new Error(reason), { stderr }));
      }
    }).stdin?.end();
  });
}

export async function runApt(apt, parameters, options) {
  const waiting = [...parameters, '-o', `DPkg::Lock::Timeout=${LOCK_WAIT_S}`];
  const settings = {
    ...options,
    env: { ...options.env, LC_ALL: 'C' },
    timeout: options.timeout + LOCK_WAIT_S * 1000,
  };
  const deadline = performance.now() + LOCK_WAIT_S * 1000;
  for (;;) {
    try {
      return await runTool(apt, waiting, settings);
    } catch (error) {
      // `update` does not wait for the lock of the lists, whatever it is told; nor does anything in old versions.
      const isLocked = /^E: Could not get lock /m.test(error.stderr);
      if (!isLocked || performance.now() > deadline) throw Object.assign(error, { isLocked });
    }
    await delay(LOCK_POLL_MS, undefined, { signal: options.signal });
  }
}
