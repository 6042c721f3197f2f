import { isRefusedRow } from '#persistence';

/**
 * Whether whoever tries the same again would meet the same. A database that is away, full or slow passes, and so does what
 * is said of a schema while routers of two versions run.
 */
export function isLastingFault(error: unknown): boolean {
  const isOfCode = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  return isOfCode || isRefusedRow(error);
}
