// The specs, while sockets are slow and processes stand still: those that assume an order or a time fail here first.
// `npm run test:delays`, with what Jest takes after `--`.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DELAYS = new URL('delays.js', import.meta.url).href;
const JEST = fileURLToPath(new URL('../../node_modules/jest/bin/jest.js', import.meta.url));

const child = spawn(
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', JEST, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${DELAYS}`.trim() },
  },
);
// The terminal tells both; Jest ends first, and says how.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.once('close', (code) => (process.exitCode = code ?? 1));
