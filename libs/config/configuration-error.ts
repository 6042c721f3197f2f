import type { z } from 'zod';

/** A setting or configuration file is wrong. The message names settings and keys, never secret values. */
export class ConfigurationError extends Error {
  constructor(
    readonly source: string,
    readonly problems: readonly string[],
  ) {
    super(`${source}: ${problems.join('; ')}`);
    this.name = 'ConfigurationError';
  }
}

/** One line per issue: `endpoints[2].region: …`. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.map((issue) => {
    const path = issue.path
      .map((part, index) =>
        typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
      )
      .join('');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
}
