import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { ProblemFilter } from './control/problem.js';
import { registerFunctionRoutes } from './edge/function-routes.js';
import type { StandIn } from './stand-in.js';
import { StandInModule } from './stand-in.module.js';

export interface ServedStandIn {
  /** e.g. `http://127.0.0.1:8123` */
  readonly url: string;
  /** Breaks what is in progress and stops listening. */
  close(): Promise<void>;
}

/** @param port 0 picks a free one */
export async function serveStandIn(
  standIn: StandIn,
  { host = '127.0.0.1', port = 0 }: { host?: string; port?: number } = {},
): Promise<ServedStandIn> {
  const adapter = new FastifyAdapter({
    bodyLimit: standIn.configuration.max_body_bytes,
    forceCloseConnections: true,
  });
  const application = await NestFactory.create<NestFastifyApplication>(
    StandInModule.around(standIn),
    adapter,
    {
      logger: false,
      // Fastify reads JSON by itself; Nest's own parsers would also accept forms.
      bodyParser: false,
      abortOnError: false,
    },
  );
  application.useGlobalFilters(new ProblemFilter());
  registerFunctionRoutes(adapter.getInstance<FastifyInstance>(), standIn.edge);
  await application.listen(port, host);
  const address = adapter.getInstance<FastifyInstance>().server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a TCP port');
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { url: `http://${shownHost}:${address.port}`, close: () => application.close() };
}
