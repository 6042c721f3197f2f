import { runEventHintSchema, subjects } from '#contracts';
import { publishJson, subscribeJson, type NatsConnection } from '#messaging';

/** Word of mouth between the router's and the runner's processes; losing it costs a second, never an event. */
export interface RunHints {
  /** Tells the runner that a client wants something of a run. */
  request(runId: string): void;
  /** Tells readers that a run has new events. */
  announce(runId: string): void;
  onEvents(handle: (runId: string) => void): void;
}

export function natsRunHints(connection: NatsConnection): RunHints {
  return {
    request: (runId) => publishJson(connection, subjects.RUN_REQUESTS, { run_id: runId }),
    announce: (runId) => publishJson(connection, subjects.RUN_EVENTS, { run_id: runId }),
    onEvents: (handle) => {
      subscribeJson(connection, subjects.RUN_EVENTS, runEventHintSchema, ({ run_id: runId }) =>
        handle(runId),
      );
    },
  };
}
