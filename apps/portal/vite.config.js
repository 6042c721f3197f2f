import { join } from 'node:path';
import { defineConfig } from 'vite';

const root = import.meta.dirname;
const repository = join(root, '..', '..');

/** Where `npm run dev:page` finds a router; the page and the API share an origin when served by one. */
const ROUTER = process.env.BEACON_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  root,
  base: './',
  resolve: { conditions: ['beacon-source', 'module', 'browser', 'development|production'] },
  build: {
    outDir: join(repository, 'dist', 'apps', 'portal'),
    emptyOutDir: true,
    // Everything comes from the router: nothing is inlined as data, and old browsers are not served.
    assetsInlineLimit: 0,
    target: 'es2023',
    // The first that know light-dark(), by which the page has its two themes.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    sourcemap: true,
    rolldownOptions: {
      // Packages mark parts for servers that render React; there is none here.
      onLog: (level, log, handle) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  server: {
    host: '127.0.0.1',
    // Whatever is no file of the page is the router's.
    proxy: {
      '^/(?!$|@|node_modules|libs|.*\\.(tsx?|css|svg|html)).*': ROUTER,
    },
  },
});
