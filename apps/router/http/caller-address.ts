import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** Some proxies write the port, too. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([0-9a-f:.]+)\])(?::\d{1,5})?$/i;

/**
 * Where a request comes from: the last address in `X-Forwarded-For` that is not of a trusted proxy, else the one that is connected.
 * What a proxy wrote and is no address counts as the proxy's own.
 */
export function callerAddress({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  const match = WITH_PORT.exec(ip);
  const address = match?.[1] ?? match?.[2] ?? ip;
  return isIP(address) === 0 ? (socket.remoteAddress ?? '') : address;
}
