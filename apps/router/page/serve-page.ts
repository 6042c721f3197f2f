import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
/** Where the build puts the page: beside what was built, or, run from the sources, below `dist/`. */
const FOLDERS = [
  join(import.meta.dirname, '..', '..', 'portal'),
  join(REPOSITORY, 'dist', 'apps', 'portal'),
] as const;

/**
 * Serves the page at `/`. Its parts below `/assets/` carry a fingerprint in their names and never change; the page itself
 * is asked for again each time. A router that was not built with the page answers 404 there, and works.
 */
export async function servePage(server: FastifyInstance): Promise<void> {
  const folder = FOLDERS.find((each) => existsSync(join(each, 'assets')));
  if (folder === undefined) return;
  await server.register(fastifyStatic, {
    root: join(folder, 'assets'),
    prefix: '/assets/',
    index: false,
    maxAge: '365d',
    immutable: true,
  });
  for (const [path, file] of [
    ['/', 'index.html'],
    ['/beacon.svg', 'beacon.svg'],
  ] as const) {
    server.get(path, (_request, reply) =>
      reply.sendFile(file, folder, { cacheControl: false }).header('cache-control', 'no-cache'),
    );
  }
}
