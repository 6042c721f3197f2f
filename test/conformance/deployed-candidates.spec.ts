import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { omissions } from './target.js';
import { deployedCandidates } from './targets/deployed.js';

const CREDENTIALS = { MODAL_KEY: 'wk-1', MODAL_SECRET: 'ws-1' };
const ENDPOINT = {
  id: 'us',
  region: 'US',
  models: ['m'],
  protocol: 'modal-hf',
  url: 'https://us.example/m',
  health_url: 'https://us.example/health',
};

describe('what the conformance suite makes of a configuration', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon-test-candidates-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const configuration = async (...endpoints: object[]): Promise<string> => {
    const path = join(folder, 'beacon.yaml');
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ regions: { US: {} }, endpoints }));
    return path;
  };

  it('a candidate for every endpoint of the protocol modal-hf', async () => {
    const other = { ...ENDPOINT, id: 'other', protocol: 'openai', url: 'https://other.example/v1' };
    const routes = {
      jobs_url: 'https://us.example/jobs',
      autoscaler_url: 'https://us.example/autoscaler/m',
    };
    const path = await configuration({ ...ENDPOINT, ...routes }, other);
    const candidates = deployedCandidates(path, CREDENTIALS);
    expect(candidates.map(({ title, traits }) => ({ title, traits }))).toEqual([
      {
        title: 'what is deployed as us',
        traits: { isGuarded: true, offersJobs: true, offersAutoscaler: true, hasEdge: true, isCold: false },
      },
    ]);
    const [candidate] = candidates;
    await expect(candidate!.start()).resolves.toMatchObject({
      healthUrl: 'https://us.example/health',
      jobsUrl: 'https://us.example/jobs',
      models: ['m'],
      credentials: { 'modal-key': 'wk-1', 'modal-secret': 'ws-1' },
    });
  });

  it('what it lacks is left out, and said', async () => {
    const [candidate] = deployedCandidates(await configuration(ENDPOINT), {});
    expect(omissions(candidate!.traits)).toEqual([
      expect.stringContaining('credentials'),
      expect.stringContaining('jobs_url'),
      expect.stringContaining('autoscaler_url'),
      expect.stringContaining('cold start'),
    ]);
  });

  it('where there is nothing to test, that is an error', async () => {
    const path = await configuration({ ...ENDPOINT, protocol: 'openai' });
    expect(() => deployedCandidates(path, CREDENTIALS)).toThrow(/no endpoint of protocol modal-hf/);
  });

  it('where an endpoint says not where its health is, that is an error', async () => {
    const path = await configuration({ ...ENDPOINT, health_url: undefined });
    expect(() => deployedCandidates(path, CREDENTIALS)).toThrow(/us needs .*health_url/);
  });
});
