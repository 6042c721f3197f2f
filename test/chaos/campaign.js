// The specs of this folder, over and over: CHAOS_ROUNDS of each scenario (5), with seeds from CHAOS_SEED on (random).
import { spawn } from 'node:child_process';

const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', 'test/chaos'];
const child = spawn(process.execPath, [...jest, ...process.argv.slice(2)], {
  env: { CHAOS_ROUNDS: '5', ...process.env },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
child.once('exit', (code) => process.exit(code ?? 1));
