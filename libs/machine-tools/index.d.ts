import type { ExecFileOptions } from 'node:child_process';

/** The variables of a process; `PATH` is read. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a program of this name would be, folder by folder of the PATH. */
export function pathsOf(environment: Environment, name: string): string[];

/** @returns the path of the first executable of this name on the PATH */
export function findTool(environment: Environment, name: string): Promise<string | undefined>;

/** Whether there is an executable there, and what it answers to `--version` is right. */
export function saysVersion(path: string, isRight: (answer: string) => boolean): Promise<boolean>;

/** Whether a version is that one or a later one; each as its numbers, the first counts most. */
export function isVersionFrom(version: readonly number[], oldest: readonly number[]): boolean;

/**
 * Runs a program to its end, with nothing on its stdin.
 * @param options `timeout` in ms
 * @returns what it prints on stdout, then on stderr: some print their version there
 * @throws Error with the last line of its stderr (all of it is its `stderr`), or that it took too long
 */
export function runTool(
  program: string,
  parameters: readonly string[],
  options: ExecFileOptions,
): Promise<string>;

/**
 * Runs apt-get, which waits for up to five minutes where another package manager is at work.
 * @param options `timeout` in ms, without that wait
 * @throws as `runTool` does; its `isLocked` says that the wait was in vain
 */
export function runApt(
  apt: string,
  parameters: readonly string[],
  options: ExecFileOptions & { readonly timeout: number },
): Promise<string>;

/**
 * Puts an executable at `path`. Through a temporary name: another process may be fetching or looking at the same moment, and a
 * half-written file must never be found.
 * @param writeTo writes it to the temporary name that it is given
 * @returns `path`
 */
export function keepTool(path: string, writeTo: (temporary: string) => Promise<unknown>): Promise<string>;

/**
 * Process ids are reused, so a pid read from a file proves nothing. This is compared before a process that is not our
 * child is signalled, or its lock is heeded.
 */
export interface ProcessIdentity {
  /** Differs between two processes that had the same pid. Opaque. */
  readonly startTime: string;
  readonly commandLine: readonly string[];
}

/** @returns `undefined` where no such process lives (a zombie does not live) */
export function identifyProcess(pid: number): Promise<ProcessIdentity | undefined>;

export type Lock =
  | {
      readonly taken: true;
      /** Removes it, unless it is somebody else's by now. */
      release(): Promise<void>;
    }
  | {
      readonly taken: false;
      /** Of the process that holds it. */
      readonly pid: number | undefined;
    };

/**
 * Takes a lock, which is a file that names the process that holds it. That of a process that is gone is taken over, by one
 * of any number that find it at once. Does not wait.
 * @param path in a folder that is there
 * @throws as `readFile` and `link` do, where the file cannot be read or made
 */
export function takeLock(path: string): Promise<Lock>;
