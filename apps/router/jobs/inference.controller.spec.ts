import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { Caller } from '#domain';
import { InferenceController } from './inference.controller.js';

const CALLER: Caller = {
  ...{ kind: 'local', tenant: 'local', keyId: null, roles: ['submit'], limits: {}, requestId: null },
};
const LIMITS = { promptBytes: 100, maxTokens: 100, maxAttempts: 1, timeoutMs: 1000 };

/** @returns what is done for a client that has gone `when`, in order */
async function leaving(when: 'before it is served' | 'while it waits', key?: string): Promise<string[]> {
  const done: string[] = [];
  const raw = Object.assign(new EventEmitter(), {
    destroyed: when === 'before it is served',
    writableFinished: false,
    req: { socket: new EventEmitter() },
  });
  const parts = {
    intake: {
      accept: () => {
        done.push('made');
        return Promise.resolve({ jobId: 'job', replayed: false });
      },
    },
    jobWait: {
      untilEnded: async (_jobId: string, givenUp: AbortSignal) => {
        if (when === 'while it waits') setImmediate(() => raw.emit('close'));
        if (!givenUp.aborted) await new Promise((left) => givenUp.addEventListener('abort', left));
        return { id: 'job', state: 'queued' };
      },
    },
    cancellation: {
      cancel: () => {
        done.push('cancelled');
        return Promise.resolve('cancelled');
      },
    },
  };
  const nobody = {} as never;
  const controller = new InferenceController(
    ...([parts.intake as never, nobody, parts.jobWait as never, parts.cancellation as never] as const),
    ...([nobody, nobody, LIMITS as never, nobody] as const),
  );
  const reply = { raw } as never;
  await expect(controller.infer({ model: 'm', prompt: 'p' }, key, CALLER, reply)).rejects.toThrow();
  return done;
}

describe('POST /inference of a client that has gone', () => {
  it.each([
    ['before it is served', undefined, []],
    ['while it waits', undefined, ['made', 'cancelled']],
    // It may come back with its key.
    ['before it is served', 'key', ['made']],
    ['while it waits', 'key', ['made']],
  ] as const)('%s, with the key %j, leaves no job for nobody', async (when, key, done) => {
    expect(await leaving(when, key)).toEqual(done);
  });
});
