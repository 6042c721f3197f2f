export type NatsServerSource =
  'NATS_SERVER_BIN' | 'PATH' | 'cache' | 'release archive' | 'go install' | 'package manager';

export interface FoundNatsServer {
  readonly path: string;
  readonly source: NatsServerSource;
}

export interface FetchContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cacheDirs: readonly string[];
  readonly report: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

export interface WayToFetch {
  readonly source: NatsServerSource;
  /** @returns the path of an executable; an error says why there is none */
  readonly fetch: (context: FetchContext) => Promise<string>;
}

export interface FindNatsServerOptions {
  /** `NATS_SERVER_BIN` and `PATH` are read; tools that fetch get all of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Searched in order; a fetched server is kept in the first that can be written. */
  readonly cacheDirs: readonly string[];
  /** Told before anything that takes long. */
  readonly report?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Replaces the ways to fetch a server; `[]` only looks. */
  readonly ways?: readonly WayToFetch[];
}

/**
 * Finds a nats-server of a version that Beacon works with, or fetches one.
 * @throws NatsServerBinError where NATS_SERVER_BIN is set to none
 * @throws NatsServerNotFoundError whose message says what to do
 */
export function findNatsServer(options: FindNatsServerOptions): Promise<FoundNatsServer>;

/** Every way to fetch one, in order. */
export const FETCHES: readonly WayToFetch[];

export class NatsServerNotFoundError extends Error {}
export class NatsServerBinError extends Error {}
