import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { CommandError } from './command-error.js';
import { EXIT_NO_INPUT, EXIT_USAGE } from './exit-codes.js';

/** @param file `-`: stdin */
export async function readText(file: string): Promise<string> {
  try {
    if (file !== '-') return await readFile(file, 'utf8');
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`${file} cannot be read: ${code ?? 'unknown error'}`, EXIT_NO_INPUT, {
      cause: error,
    });
  }
}

/** A file in YAML or JSON, which is YAML. What it is to hold is for the router to judge. */
export async function readDocument(file: string): Promise<object> {
  let document: unknown;
  try {
    document = parseYaml(await readText(file)) as unknown;
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const [firstLine = ''] = (error as Error).message.split('\n');
    throw new CommandError(`${file} is neither YAML nor JSON: ${firstLine}`, EXIT_USAGE, { cause: error });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new CommandError(`${file} is to hold one object: the body of the request`, EXIT_USAGE);
  return document;
}
