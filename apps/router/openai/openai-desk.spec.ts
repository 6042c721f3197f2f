import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { completionRequestSchema, jobsOfCompletion, textChunkSchema, textCompletionSchema } from '#contracts';
import type { Caller } from '#domain';
import { Metrics, createLogger } from '#observability';
import { OpenAiDesk, type Asked, type Exchange, type OpenAiDeskParts } from './openai-desk.js';

const CALLER: Caller = {
  ...{ kind: 'local', tenant: 'local', keyId: null, roles: ['submit'], limits: {}, requestId: null },
};

/** @returns what becomes of a held request whose client has gone `when` */
async function leaving(when: 'before it is served' | 'while it waits'): Promise<string> {
  const raw = Object.assign(new EventEmitter(), {
    destroyed: when === 'before it is served',
    writableFinished: false,
    destroy: () => undefined,
  });
  const reply: unknown = { raw, header: () => reply, type: () => reply, send: () => reply };
  const body = completionRequestSchema.parse({ model: 'm', prompt: 'p' });
  const asked: Asked = {
    ...{ route: 'completions', body, jobs: (place) => jobsOfCompletion(body, place) },
    ...{
      answer: () => ({}),
      answerSchema: textCompletionSchema,
      chunks: () => [],
      chunkSchema: textChunkSchema,
    },
  };
  return new Promise((resolve, reject) => {
    const parts = {
      configuration: { http: { keep_alive_after_ms: 60_000, keep_alive_every_ms: 60_000 } },
      limits: { promptBytes: 100, maxTokens: 100, maxAttempts: 1, timeoutMs: 1000 },
      endpoints: { models: new Set(['m']), resolveRegion: () => undefined },
      intake: { accept: () => Promise.resolve({ jobId: 'job', replayed: false }) },
      jobWait: {
        untilEnded: async (_jobId: string, givenUp: AbortSignal) => {
          if (when === 'while it waits') setImmediate(() => raw.emit('close'));
          if (!givenUp.aborted) await new Promise((left) => givenUp.addEventListener('abort', left));
          return { id: 'job', state: 'queued' };
        },
      },
      retries: {
        hold: () =>
          Promise.resolve({
            idempotencyKey: 'key',
            settle: () => Promise.resolve(resolve('settled')),
            release: () => Promise.resolve(resolve('let go')),
          }),
      },
      metrics: new Metrics('test'),
      logger: createLogger('test', 'silent'),
    } as unknown as OpenAiDeskParts;
    const desk = new OpenAiDesk(parts, {} as ConstructorParameters<typeof OpenAiDesk>[1]);
    const exchange = { request: { headers: {} }, reply, caller: CALLER } as unknown as Exchange;
    desk.serve(asked, exchange).catch(reject);
  });
}

describe('a request whose client has gone', () => {
  it.each(['before it is served', 'while it waits'] as const)('%s is held no longer', async (when) => {
    expect(await leaving(when)).toBe('let go');
  });
});
