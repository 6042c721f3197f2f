import { ProblemError } from '#contracts';
import { z } from 'zod';

const uuid = z.uuid();

/** @throws ProblemError RUN_NOT_FOUND: what is no id names no run */
export function runIdOf(text: string): string {
  const parsed = uuid.safeParse(text);
  if (!parsed.success) throw runNotFound();
  return parsed.data.toLowerCase();
}

export function runNotFound(): ProblemError {
  return new ProblemError('RUN_NOT_FOUND', 'no run has this id');
}
