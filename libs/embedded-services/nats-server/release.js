import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

// Plain JavaScript, like everything in this folder: `npm ci` runs it before anything has been built.

/** Pinned: the archive, `go install` and the cached copy are all this version. */
export const NATS_SERVER_VERSION = '2.10.29';

/** The oldest version everything here works on (a common distribution's). */
export const OLDEST_NATS_SERVER = [2, 9, 10];

/** The most an archive may hold; the real one has about 16 MB. */
const MAX_BINARY_BYTES = 256 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;

/**
 * SHA-256 of the official archives, as the project's own container images pin them.
 * A platform that is not listed gets no archive: an unverified binary is never run.
 */
const ARCHIVE_SHA256 = {
  'linux-amd64': 'e314da74a83a1d3876db8814c27eb990fe729640fd6452025b441bcede8390da',
  'linux-arm64': 'da4b27942ecfb4c5f0c54553d2e7f470ddda9d7581cfe8131b351a0e223ed401',
  'linux-arm7': 'a59e7336a32ef78b0ca8bc3e6707a5770461d3f45c4c2f96cfef263f26eaefd5',
  'linux-386': 'abc385394c19784558f7aa2f9770fe2daceb22cf95e3fa398c832590479396b0',
};

const GO_ARCHITECTURES = { x64: 'amd64', arm64: 'arm64', arm: 'arm7', ia32: '386' };

/**
 * @param {NodeJS.Platform} platform
 * @param {string} architecture as Node names it
 * @returns {{ url: string, sha256: string } | undefined}
 */
export function officialArchive(platform, architecture) {
  const name = `${platform}-${GO_ARCHITECTURES[architecture] ?? architecture}`;
  const sha256 = ARCHIVE_SHA256[name];
  if (sha256 === undefined) return undefined;
  const release = `https://github.com/nats-io/nats-server/releases/download/v${NATS_SERVER_VERSION}`;
  return { url: `${release}/nats-server-v${NATS_SERVER_VERSION}-${name}.tar.gz`, sha256 };
}

/**
 * Downloads and verifies an archive and takes the server out of it.
 * @param {{ url: string, sha256: string }} archive
 * @param {Readonly<Record<string, string | undefined>>} environment for a proxy's address
 * @param {AbortSignal} [signal]
 * @returns {Promise<Buffer>} the executable
 */
export async function downloadServer({ url, sha256 }, environment, signal) {
  // Node's own fetch knows no proxies; curl does, and is nearly always there where a proxy is.
  const behindProxy = (environment.HTTPS_PROXY ?? environment.https_proxy ?? '') !== '';
  const bytes = behindProxy ? await downloadWithCurl(url, environment, signal) : await download(url, signal);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new Error('the checksum does not match');
  return extractServer(gunzipSync(bytes, { maxOutputLength: MAX_BINARY_BYTES }));
}

/** A closed network must fail in seconds, so that the next way is tried; a slow one may take its time. */
async function download(url, stop) {
  const abort = new AbortController();
  const connectTimer = setTimeout(() => abort.abort(new Error('no answer in time')), CONNECT_TIMEOUT_MS);
  const signals = [abort.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS), stop];
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  try {
    const answer = await fetch(url, { signal });
    clearTimeout(connectTimer);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  } finally {
    clearTimeout(connectTimer);
  }
}

function downloadWithCurl(url, env, signal) {
  const limits = [
    '--connect-timeout',
    seconds(CONNECT_TIMEOUT_MS),
    '--max-time',
    seconds(DOWNLOAD_TIMEOUT_MS),
  ];
  const options = { env, signal, encoding: 'buffer', maxBuffer: MAX_BINARY_BYTES };
  return new Promise((fulfil, reject) => {
    execFile('curl', ['-fsSL', ...limits, url], options, (error, stdout, stderr) => {
      if (error === null) fulfil(stdout);
      else reject(new Error(stderr.toString('utf8').trim() || error.message));
    });
  });
}

function seconds(durationMs) {
  return String(durationMs / 1000);
}

/**
 * Walks a tar archive: 512-byte headers (name at 0, octal size at 124), each followed by its padded content.
 * @param {Buffer} tar
 * @returns {Buffer} the file named `nats-server`
 */
export function extractServer(tar) {
  for (let offset = 0; offset + 512 <= tar.length;) {
    const name = field(tar, offset, 100);
    const size = Number.parseInt(field(tar, offset + 124, 12), 8) || 0;
    const content = offset + 512;
    if (name.split('/').at(-1) === 'nats-server' && size > 0) return tar.subarray(content, content + size);
    offset = content + Math.ceil(size / 512) * 512;
  }
  throw new Error('the archive holds no nats-server');
}

function field(tar, offset, length) {
  return tar
    .toString('latin1', offset, offset + length)
    .split('\0', 1)[0]
    .trim();
}
