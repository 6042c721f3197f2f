import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import openapiTS, { astToString } from 'openapi-typescript';

const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json');

describe('the typed client', () => {
  it('has the types of docs/openapi.json; `npm run generate` writes them', async () => {
    const document = JSON.parse(readFileSync(DOCUMENT, 'utf8')) as Parameters<typeof openapiTS>[0];
    const written = readFileSync(join(import.meta.dirname, 'schema.ts'), 'utf8');
    expect(written.endsWith(astToString(await openapiTS(document, { defaultNonNullable: false })))).toBe(
      true,
    );
  });
});
