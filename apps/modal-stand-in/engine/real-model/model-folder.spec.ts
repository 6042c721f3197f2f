import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadRealModel } from './load-real-model.js';
import { openModelFolder } from './model-folder.js';

const WEIGHTS = 'weights';
const SHA256 = createHash('sha256').update(WEIGHTS).digest('hex');

describe('the folder of a real model', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beacon model-'));
    await writeFile(join(folder, 'model.gguf'), WEIGHTS);
  });

  afterEach(() => rm(folder, { recursive: true }));

  const describeWith = (changes: Record<string, unknown> = {}) =>
    writeFile(
      join(folder, 'real-model.json'),
      JSON.stringify({
        ...{
          name: 'Tiny',
          model_file: 'model.gguf',
          sha256: SHA256,
          binding_file: 'binding.mjs',
          ...changes,
        },
      }),
    );

  it('attests the name and the checksum of the weights that are there', async () => {
    await describeWith();
    expect(await openModelFolder(folder)).toEqual({
      modelPath: join(folder, 'model.gguf'),
      bindingPath: join(folder, 'binding.mjs'),
      revision: `Tiny@sha256:${SHA256.slice(0, 12)}`,
    });
  });

  it.each([
    ['holds no description', undefined, 'holds no real model'],
    ['points outside itself', { model_file: '../model.gguf' }, 'not valid'],
    ['lacks the weights', { model_file: 'other.gguf' }, 'cannot be read'],
    ['holds damaged weights', { sha256: '0'.repeat(64) }, 'is damaged'],
  ])('is refused when it %s, with the command that helps', async (_, changes, message) => {
    if (changes !== undefined) await describeWith(changes);
    await expect(openModelFolder(folder)).rejects.toThrow(message);
    await expect(openModelFolder(folder)).rejects.toThrow('fetch-model');
  });

  it.each([
    ['cannot be loaded', undefined, 'cannot be loaded'],
    ['is another package', 'export const other = 1;', 'is not the node-llama-cpp'],
  ])('is refused when what runs the model %s', async (_, source, message) => {
    await describeWith();
    if (source !== undefined) await writeFile(join(folder, 'binding.mjs'), source);
    await expect(loadRealModel(folder)).rejects.toThrow(message);
  });
});
