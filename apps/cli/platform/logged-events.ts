import type { Logger } from '#observability';
import { describeExit } from '../supervision/node-program.js';
import type { ChildEvents } from '../supervision/supervised-child.js';

/** Logs a child's ups and downs; tells `onReady` when one accepts work. */
export function loggedEvents(logger: Logger, onReady: () => void): ChildEvents {
  return {
    ready: (child, childPid) => {
      logger.info({ event: 'child.ready', child, child_pid: childPid }, `${child} accepts work`);
      onReady();
    },
    exited: (child, childPid, { code, signal }, expected) => {
      const exit = { child, child_pid: childPid, exit_code: code, signal };
      const line = `${child} ${describeExit({ code, signal })}`;
      if (expected) logger.info({ event: 'child.exited', ...exit }, line);
      else logger.warn({ event: 'child.exited', ...exit }, line);
    },
    restarting: (child, delayMs) => {
      logger.info({ event: 'child.restarting', child, delay_ms: delayMs }, `${child} is started again`);
    },
    startFailed: (child, error) => {
      logger.error({ event: 'child.start_failed', child, err: error }, `${child} could not be started again`);
    },
  };
}
