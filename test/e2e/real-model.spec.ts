import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';

const FOLDER = '.beacon/tools/real-model';

interface Answer {
  readonly status: string;
  readonly response: string;
  readonly region: string;
  readonly gpu: string;
  readonly model_revision: string;
  readonly tokens_in: number;
  readonly tokens_generated: number;
}

// It is 200 MB that nobody asked for: `node apps/cli/bin/beacon.js fetch-model` asks for it.
if (existsSync(`${FOLDER}/real-model.json`)) {
  describe('the real model', () => {
    let child: ChildProcess;
    let url = '';

    beforeAll(async () => {
      const parameters = ['--default', '--time-scale', '600', '--real-model', FOLDER];
      child = spawn(process.execPath, ['dist/apps/modal-stand-in/main.js', ...parameters], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const line = await new Promise<string>((resolve, reject) => {
        child.stdout?.setEncoding('utf8').once('data', resolve);
        child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
      });
      url = (JSON.parse(line) as { url: string }).url;
    });

    afterAll(async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    });

    const ask = async (endpoint: string, prompt: string, signal?: AbortSignal): Promise<Answer> => {
      const body = { model: endpoint.slice(endpoint.indexOf('-') + 1), prompt, max_tokens: 48 };
      // A 303 is followed with GET, as browsers do.
      const reply = await fetch(`${url}/${endpoint}`, {
        ...{ method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
        ...(signal === undefined ? {} : { signal }),
      });
      return (await reply.json()) as Answer;
    };

    it('answers, attests the weights and the CPU, counts its tokens, and repeats itself word for word', async () => {
      const first = await ask('eu-smollm2-135m-brief', 'What is the capital of France?');
      expect(first).toMatchObject({ status: 'success', region: 'eu-west', gpu: 'CPU' });
      expect(first.response).toContain('Paris');
      expect(first.model_revision).toBe('SmolLM2-135M-Instruct-Q4_1@sha256:b179c9523d0e');
      expect(first.tokens_in).toBeGreaterThan(20);
      expect(first.tokens_generated).toBeGreaterThan(3);
      const again = await ask('eu-smollm2-135m-brief', 'What is the capital of France?');
      expect(again.response).toBe(first.response);
    });

    it('goes on answering its health check while it computes', async () => {
      const endpoints = ['us-smollm2-135m-plain', 'eu-smollm2-135m-plain', 'asia-smollm2-135m-plain'];
      let computing = true;
      const answers = Promise.all(
        endpoints.map((endpoint) => ask(endpoint, 'Describe the situation in Hong Kong in 2019.')),
      ).finally(() => (computing = false));
      const tookMs: number[] = [];
      while (computing) {
        const startedMs = performance.now();
        await fetch(`${url}/_stand-in/health`);
        tookMs.push(performance.now() - startedMs);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      for (const { response } of await answers) expect(response.length).toBeGreaterThan(20);
      expect(tookMs.length).toBeGreaterThan(5);
      // The machine may stand still during one: who computes where it answers is late for most of the time.
      const allMs = tookMs.reduce((sum, ms) => sum + ms, 0);
      const lateMs = tookMs.filter((ms) => ms > 1000).reduce((sum, ms) => sum + ms, 0);
      expect(lateMs).toBeLessThan(allMs / 2);
    });
  });
} else {
  describe('the real model', () => {
    it('is not asked here: "node apps/cli/bin/beacon.js fetch-model" fetches it', () => {
      expect(existsSync(`${FOLDER}/real-model.json`)).toBe(false);
    });
  });
}
