import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { completionRequestSchema, jobsOfCompletion } from '#contracts';
import type { Caller } from '#domain';
import { Metrics, createLogger } from '#observability';
import { z } from 'zod';
import type { CharterPolicy } from '../charter/charter-policy.js';
import { clientGone } from '../http/until-sent.js';
import { OpenAiDesk, type Asked, type Exchange, type OpenAiDeskParts } from './openai-desk.js';

const ENDED = {
  id: 'job',
  state: 'completed',
  attempt: 1,
  createdAt: new Date(0),
  result: { response: 'r' },
};
const CALLER: Caller = {
  ...{ kind: 'local', tenant: 'local', keyId: null, roles: ['submit'], limits: {}, requestId: null },
};

type Leaves = 'before it is served' | 'while it waits' | 'as it is answered' | 'never';

/** @returns what becomes of a held request whose client has gone `when` */
async function leaving(when: Leaves, kept: 'no' | 'comments' | 'whitespace' = 'no'): Promise<string> {
  const socket = Object.assign(new EventEmitter(), { destroyed: false, writableEnded: false });
  const raw = Object.assign(new EventEmitter(), {
    destroyed: when === 'before it is served',
    writableFinished: false,
    req: { socket },
    destroy: () => raw.emit('close'),
  });
  const send = (): unknown => {
    raw.writableFinished = true;
    raw.emit('close');
    return reply;
  };
  const reply: unknown = { raw, header: () => reply, type: () => reply, send };
  const body = completionRequestSchema.parse({ model: 'm', prompt: 'p', stream: kept === 'comments' });
  const asked: Asked = {
    ...{ route: 'completions', body, jobs: (place) => jobsOfCompletion(body, place) },
    ...{
      answer: () => ({}),
      answerSchema: z.strictObject({}),
      chunks: () => [],
      chunkSchema: z.strictObject({}),
    },
  };
  return new Promise((resolve, reject) => {
    const parts = {
      configuration: {
        http: { keep_alive_after_ms: kept === 'whitespace' ? 0 : 60_000, keep_alive_every_ms: 60_000 },
      },
      limits: { promptBytes: 100, maxTokens: 100, maxAttempts: 1, timeoutMs: 1000 },
      endpoints: { models: new Set(['m']), resolveRegion: () => undefined },
      intake: { accept: () => Promise.resolve({ jobId: 'job', replayed: false }) },
      jobWait: {
        untilEnded: async (_jobId: string, givenUp: AbortSignal) => {
          if (when === 'as it is answered' || when === 'never') {
            // The network is read between two turns.
            if (when !== 'never') setImmediate(() => (socket.writableEnded = true));
            return ENDED;
          }
          if (when === 'while it waits') setImmediate(() => raw.emit('close'));
          if (!givenUp.aborted) await new Promise((left) => givenUp.addEventListener('abort', left));
          return { id: 'job', state: 'queued' };
        },
      },
      retries: {
        hold: (_likeness: object, _isRetry: boolean, _jobs: number, left: AbortSignal) =>
          left.aborted
            ? Promise.reject(clientGone())
            : Promise.resolve({
                idempotencyKey: 'key',
                settle: () => Promise.resolve(resolve('settled')),
                release: () => Promise.resolve(resolve('let go')),
              }),
      },
      metrics: new Metrics('test'),
      logger: createLogger('test', 'silent'),
    } as unknown as OpenAiDeskParts;
    const policy = { faceOf: () => ({ operations: true }) } as unknown as CharterPolicy;
    const desk = new OpenAiDesk(parts, policy);
    const exchange = { request: { headers: {} }, reply, caller: CALLER } as unknown as Exchange;
    desk.serve(asked, exchange).catch(reject);
  });
}

describe('a request whose client has gone', () => {
  it('before it is served is not held at all', async () => {
    await expect(leaving('before it is served')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('while it waits is let go, for its next try', async () => {
    expect(await leaving('while it waits')).toBe('let go');
  });

  it.each(['no', 'comments', 'whitespace'] as const)(
    'as it is answered is let go, for its next try; kept alive by: %s',
    async (kept) => {
      expect(await leaving('as it is answered', kept)).toBe('let go');
      // The control.
      expect(await leaving('never', kept)).toBe('settled');
    },
  );
});
