import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RealModelError } from './real-model-error.js';

/** A path inside the folder. */
const relativePath = z
  .string()
  .min(1)
  .refine((path) => !path.startsWith('/') && !path.split('/').includes('..'), 'must stay inside the folder');

/** `real-model.json`: written by whoever fetched the model. */
const manifestSchema = z.object({
  name: z.string().min(1).max(100),
  model_file: relativePath,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The entry file of node-llama-cpp. */
  binding_file: relativePath,
});

const SHOWN_DIGITS = 12;

/** What is in the folder of a fetched model. */
export interface ModelFolder {
  readonly modelPath: string;
  readonly bindingPath: string;
  /** `<name>@sha256:<first digits>`, of the file that is there. */
  readonly revision: string;
}

/**
 * Reads what a folder holds and checks the weights: an answer attests them.
 * @throws RealModelError
 */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const advice = '"node apps/cli/bin/beacon.js fetch-model" fetches it';
  const manifestPath = join(folder, 'real-model.json');
  let document: unknown;
  try {
    document = JSON.parse(await readFile(manifestPath, 'utf8'));
  } catch (cause) {
    throw new RealModelError(`${folder} holds no real model (real-model.json cannot be read): ${advice}`, {
      cause,
    });
  }
  const manifest = manifestSchema.safeParse(document);
  if (!manifest.success) throw new RealModelError(`${manifestPath} is not valid: ${advice}`);
  const { name, model_file: modelFile, sha256, binding_file: bindingFile } = manifest.data;
  const modelPath = join(folder, modelFile);
  const found = await sha256Of(modelPath).catch((cause: unknown) => {
    throw new RealModelError(`${modelPath} cannot be read: ${advice}`, { cause });
  });
  if (found !== sha256) throw new RealModelError(`${modelPath} is damaged: ${advice} again`);
  return {
    modelPath,
    bindingPath: join(folder, bindingFile),
    revision: `${name}@sha256:${found.slice(0, SHOWN_DIGITS)}`,
  };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
