import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const DELAYS = new URL('delays.js', import.meta.url).href;

/** Prints what arrives of numbered lines that are sent one by one over a socket of the process's own. */
const SENDS = `
  import net from 'node:net';
  import { delayMs, stallMs } from ${JSON.stringify(DELAYS)};
  const draws = [0, 0.001, 0.002, 0.05, 0.1, 0.5, 0.999].map((draw) => [delayMs(draw), stallMs(draw)].map(Math.round));
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.on('end', () => {
      server.close();
      console.log(JSON.stringify({ lines: text.trimEnd().split('\\n').map(Number), draws }));
    });
  });
  server.listen(0, '127.0.0.1', async () => {
    const socket = net.connect(server.address().port, '127.0.0.1');
    for (let line = 1; line <= 500; line += 1) {
      const written = new Promise((resolve) => socket.write(line + '\\n', resolve));
      if (line % 7 === 0) await written;
    }
    socket.end();
  });`;

it('what is late comes whole and in order, and nothing is late beyond a second', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    `--import=${DELAYS}`,
    '--input-type=module',
    '--eval',
    SENDS,
  ]);
  const { lines, draws } = JSON.parse(stdout) as { lines: number[]; draws: [number, number][] };
  expect(lines).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  expect(draws).toEqual([
    [0, 300],
    [100, 314],
    [0, 328],
    [5, 25],
    [0, 50],
    [0, 20],
    [0, 40],
  ]);
});
