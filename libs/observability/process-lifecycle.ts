import type { Logger } from 'pino';

/** What a child process tells its supervisor over the IPC channel once it accepts work. */
export interface ReadyMessage {
  readonly type: 'ready';
  /** Base URL, for processes that serve HTTP. */
  readonly url?: string;
}

/** Exit code of a process that met a fault it cannot handle; its supervisor starts it again. */
export const EXIT_FAULT = 70;

/** Tells the supervisor, if there is one, that this process accepts work. */
export function announceReady(message: Omit<ReadyMessage, 'type'> = {}): void {
  process.send?.({ type: 'ready', ...message } satisfies ReadyMessage);
}

/**
 * Ends the process with EXIT_FAULT, and one line in the log, at an unhandled rejection or exception: a wedged process helps
 * nobody, and its supervisor starts it again. To be called before anything is started that could meet one.
 */
export function exitAtFault(logger: Logger): void {
  const fault = (error: unknown): void => {
    logger.fatal({ event: 'process.fault', err: error }, 'unhandled fault');
    process.exit(EXIT_FAULT);
  };
  process.on('unhandledRejection', fault);
  process.on('uncaughtException', fault);
}

/**
 * Ties the process's end to signals and to its supervisor.
 * - SIGTERM: drain, then exit 0.
 * - SIGINT: the same, unless a supervisor is there, which decides itself what Ctrl-C means.
 * - The supervisor is gone: drain and exit, so that no orphan keeps working on the data.
 */
export function superviseSelf(logger: Logger, drain: () => Promise<void>): void {
  let stopping = false;
  const stop = (reason: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ event: 'process.stopping', reason }, 'stopping');
    drain().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ event: 'process.stop_failed', err: error }, 'could not stop cleanly');
        process.exit(EXIT_FAULT);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => {
    if (process.connected !== true) stop('SIGINT');
  });
  process.on('disconnect', () => stop('supervisor gone'));
  // It may have gone before anybody listened.
  if (process.send !== undefined && process.connected !== true) stop('supervisor gone');
}
