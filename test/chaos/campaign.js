// The scenarios of this folder, over and over, and those that are too long for every test run: CHAOS_ROUNDS of each
// (5), with seeds from CHAOS_SEED on (random).
import { spawn } from 'node:child_process';

const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
// An option last: what follows a list would be taken for more of it.
const scenarios = ['--testMatch', '<rootDir>/test/chaos/**/*.{spec,campaign}.ts', '--runInBand'];
const child = spawn(process.execPath, [...jest, ...scenarios, ...process.argv.slice(2)], {
  env: { CHAOS_ROUNDS: '5', ...process.env },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
child.once('exit', (code) => process.exit(code ?? 1));
