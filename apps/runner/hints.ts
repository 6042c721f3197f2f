import { jobEventSchema, runEventHintSchema, subjects } from '#contracts';
import { isTerminal } from '#domain';
import { publishJson, subscribeJson, type NatsConnection } from '#messaging';

/** Word of mouth: faster than looking, never relied on. Everything said here can be read from rows or the router. */
export interface Hints {
  onJobEnded(handle: (jobId: string) => void): void;
  onRunRequest(handle: (runId: string) => void): void;
  /** Tells readers that a run has new events. */
  announce(runId: string): void;
}

export function natsHints(connection: NatsConnection): Hints {
  return {
    onJobEnded: (handle) => {
      subscribeJson(connection, subjects.JOB_EVENTS, jobEventSchema, (event) => {
        if (isTerminal(event.to)) handle(event.job_id);
      });
    },
    onRunRequest: (handle) => {
      subscribeJson(connection, subjects.RUN_REQUESTS, runEventHintSchema, (hint) => handle(hint.run_id));
    },
    announce: (runId) => publishJson(connection, subjects.RUN_EVENTS, { run_id: runId }),
  };
}
