import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

/** The events of a run that the demo looks at; others pass. */
const runEventSchema = z.object({
  type: z.string(),
  at: z.string(),
  question_id: z.string().optional(),
  model: z.string().optional(),
  region: z.string().optional(),
  job_id: z.string().nullish(),
  attempts: z.int().optional(),
  error_code: z.string().nullish(),
  status: z.string().optional(),
});
export type RunEvent = z.output<typeof runEventSchema>;

export const FINAL_EVENT = 'run.finished';
const RECONNECT_MS = 250;

/** One server-sent event, as it stands on the wire. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/** Cuts a stream of server-sent events into events; chunks end anywhere. */
export class EventStreamParser {
  private rest = '';

  /** @returns the events that this chunk completes; comments and pauses carry none */
  push(chunk: string): ServerSentEvent[] {
    const blocks = (this.rest + chunk).replaceAll('\r\n', '\n').split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const lines = block.split('\n');
      const valuesOf = (field: string): string[] =>
        lines.flatMap((line) =>
          line.startsWith(`${field}:`) ? [line.slice(field.length + 1).replace(/^ /, '')] : [],
        );
      const data = valuesOf('data');
      return data.length === 0 ? [] : [{ id: valuesOf('id').at(-1), data: data.join('\n') }];
    });
  }
}

/**
 * Follows a run from its first event to its last. A connection that ends early is made again, from the event that was
 * seen last: a restarted router costs nothing but a pause.
 */
export async function followRun(
  eventsUrl: URL,
  onEvent: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let lastId: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
      const answer = await fetch(eventsUrl, { headers, signal });
      // There is nothing to come.
      if (answer.status === 204) return;
      if (answer.ok && answer.body !== null) {
        const parser = new EventStreamParser();
        for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
          for (const { id, data } of parser.push(chunk)) {
            lastId = id ?? lastId;
            const event = runEventSchema.parse(JSON.parse(data));
            onEvent(event);
            if (event.type === FINAL_EVENT) return;
          }
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      // A connection may break; an event that cannot be read would be there again the next time.
      if (error instanceof z.ZodError || error instanceof SyntaxError) throw error;
    }
    await delay(RECONNECT_MS, undefined, { signal });
  }
}
