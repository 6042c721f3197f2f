import { loadSettings, parseConfiguration } from '#config';
import { createLogger } from '#observability';
import { startTestNats, until } from '#testing';
import { describe, expect, it } from '@jest/globals';
import { Dispatcher } from './dispatcher.js';

const CONFIGURATION = {
  regions: { US: {} },
  endpoints: [
    { id: 'us-llama', region: 'US', url: 'http://127.0.0.1:9/inference', models: ['llama3.2-1b'], gpu: 'T4' },
  ],
  limits: { gpus: 1 },
};

describe('a dispatcher that is told to stop', () => {
  it('ends cleanly while NATS is away', async () => {
    const nats = await startTestNats();
    const lines: string[] = [];
    const dispatcher = await Dispatcher.start(
      'US',
      loadSettings({ NATS_URL: nats.url }),
      parseConfiguration(JSON.stringify(CONFIGURATION), 'spec'),
      createLogger('spec', 'info', { write: (line) => void lines.push(line) }),
    );
    await nats.loseStore();
    await until('NATS is away', () => lines.some((line) => line.includes('nats.disconnected')));
    await expect(dispatcher.drain()).resolves.toBeUndefined();
    await nats.close();
  });
});
