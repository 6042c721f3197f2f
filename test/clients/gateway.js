import { once } from 'node:events';
import { createServer, request as askUpstream } from 'node:http';

/**
 * What stands between clients and a server in most places: a reverse proxy that gives up on a server which is silent for
 * too long, with 504 before the answer has begun and by hanging up after that (nginx: `proxy_read_timeout`, 60 s).
 * @param {string} upstream base URL
 * @param {number} silenceMs
 * @returns {Promise<{ url: string, gaveUp: () => number, close: () => Promise<void> }>}
 */
export async function startGateway(upstream, silenceMs) {
  const { hostname, port } = new URL(upstream);
  let gaveUp = 0;
  const server = createServer((request, response) => {
    const { method, url: path, headers } = request;
    const passed = askUpstream({ hostname, port, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    let isGivenUp = false;
    passed.setTimeout(silenceMs, () => {
      gaveUp += 1;
      isGivenUp = true;
      passed.destroy();
      if (response.headersSent) response.destroy();
      else response.writeHead(504, { 'content-type': 'text/html' }).end('<h1>504 Gateway Time-out</h1>');
    });
    passed.on('error', () => {
      // Its client has been told, and what it is told is not to be cut off.
      if (isGivenUp) return;
      if (response.headersSent) response.destroy();
      else if (!response.destroyed) response.writeHead(502).end();
    });
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  // A file of a batch is long in coming, and a client waits for minutes.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    gaveUp: () => gaveUp,
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
