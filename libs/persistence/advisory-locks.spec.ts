import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import * as locks from './advisory-locks.js';

describe('advisory locks', () => {
  it('have numbers of their own', () => {
    const numbers = Object.values(locks);
    expect(numbers.length).toBeGreaterThan(4);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('are numbered in one place', async () => {
    const here = import.meta.dirname;
    const files = (await readdir(here, { recursive: true })).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'),
    );
    const numbered = await Promise.all(
      files.map(async (name) => ((await readFile(join(here, name), 'utf8')).includes('7_310_') ? name : [])),
    );
    expect(numbered.flat()).toEqual(['advisory-locks.ts']);
  });
});
