export type PromtoolSource = 'PROMTOOL_BIN' | 'PATH' | 'cache' | 'distribution package' | 'Go';

export interface FetchContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Empty, and removed afterwards. */
  readonly folder: string;
  readonly report: (line: string) => void;
}

export interface WayToFetch {
  readonly source: PromtoolSource;
  /** @returns the path of an executable below `folder`; an error says why there is none */
  readonly fetch: (context: FetchContext) => Promise<string>;
}

export interface FindPromtoolOptions {
  /** `PROMTOOL_BIN` and `PATH` are read; tools that fetch get all of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where a fetched one is kept. */
  readonly cacheDir: string;
  /** Told before anything that takes long. */
  readonly report?: (line: string) => void;
  /** Replaces the ways to fetch one; `[]` only looks. */
  readonly ways?: readonly WayToFetch[];
}

/**
 * Finds a promtool of a version that the rules are written for, or fetches one.
 * @throws PromtoolNotFoundError whose message says what to do
 */
export function findPromtool(
  options: FindPromtoolOptions,
): Promise<{ readonly path: string; readonly source: PromtoolSource }>;

/** Every way to fetch one, in order. */
export const FETCHES: readonly WayToFetch[];
export const OLDEST_PROMTOOL: readonly [number, number, number];

export class PromtoolNotFoundError extends Error {}
