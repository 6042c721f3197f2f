// Loaded into every process of a run by `npm run test:delays`: what goes over sockets is late now and then, in order and
// whole, and processes stand still, as they do on a machine that does other work.
import net from 'node:net';
import { isMainThread } from 'node:worker_threads';

const STALL_EVERY_MS = 1500;

/**
 * @param {number} draw from 0 to 1
 * @returns {number} milliseconds for which one write to a socket is held back
 */
export function delayMs(draw) {
  if (draw < 0.002) return 200 * (draw / 0.002);
  if (draw < 0.1) return 10 * (draw / 0.1);
  return 0;
}

/**
 * @param {number} draw from 0 to 1
 * @returns {number} milliseconds for which a process stands still
 */
export function stallMs(draw) {
  if (draw < 0.05) return 300 + 700 * (draw / 0.05);
  if (draw < 0.4) return 200 * (draw / 0.4);
  return 40 * draw;
}

function delayWrites() {
  const { prototype } = net.Socket;
  for (const name of ['_write', '_writev']) {
    const write = prototype[name];
    prototype[name] = function (...args) {
      // A pipe to a process is none of it. The stream calls again only once this one is done: the order stays.
      const ms = this.remoteAddress === undefined ? 0 : delayMs(Math.random());
      if (ms < 1) return write.apply(this, args);
      setTimeout(() => write.apply(this, args), ms);
      return undefined;
    };
  }
}

function standStill() {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  // Unlike a busy loop this leaves the processor to others.
  const stand = () => {
    Atomics.wait(cell, 0, 0, stallMs(Math.random()));
    later();
  };
  const later = () => setTimeout(stand, 2 * STALL_EVERY_MS * Math.random()).unref();
  later();
}

delayWrites();
if (isMainThread) standStill();
