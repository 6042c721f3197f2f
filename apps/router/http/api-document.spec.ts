import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_REQUEST_LIMITS } from '#contracts';
import { apiDocument } from './api-document.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

describe('docs/openapi.json', () => {
  it('is what a router with default limits serves; `npm run generate` writes it', () => {
    const served = JSON.parse(JSON.stringify(apiDocument(DEFAULT_REQUEST_LIMITS))) as unknown;
    expect(read('docs/openapi.json')).toEqual(served);
  });

  it('is of the version that package.json names', () => {
    const { version } = read('package.json') as { version: string };
    expect(apiDocument(DEFAULT_REQUEST_LIMITS)).toMatchObject({ info: { version } });
  });
});
