import type { JsMsg } from '@nats-io/jetstream';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { z } from 'zod';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** @returns the parsed payload, or `undefined` where it is not what the schema says */
export function decodeJson<T extends z.ZodType>(schema: T, data: Uint8Array): z.infer<T> | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(decoder.decode(data)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Answers a request. On a connection that is closing there is nobody left to tell, which is no fault. */
export function replyJson(message: Msg, value: unknown): void {
  try {
    message.respond(encodeJson(value));
  } catch {
    // The asker's own time-out covers it.
  }
}

/** Keeps a message for its holder a little longer. On a connection that is closing its holder hands it back in any case. */
export function extendAck(message: Pick<JsMsg, 'working'>): void {
  try {
    message.working();
  } catch {
    // Delivered again after its time, here or elsewhere.
  }
}

/**
 * Fire and forget: hints and control messages, whose loss costs time but never work. So they may be published at any
 * moment of a process's end.
 */
export function publishJson(connection: NatsConnection, subject: string, value: unknown): void {
  const data = encodeJson(value);
  try {
    connection.publish(subject, data);
  } catch (error) {
    if (!connection.isClosed() && !connection.isDraining()) throw error;
  }
}

/**
 * Calls `handle` with every well-formed message. `onInvalid` hears of the others.
 * A handler must not throw; what it does asynchronously is its own to catch. One that throws all the same ends the process
 * as any fault does: thrown here, the client would take it for the end of its connection, say so on stdout, and hear
 * nothing for 20 seconds.
 * @param queue of all who subscribe with the same name, one gets each message
 */
export function subscribeJson<T extends z.ZodType>(
  connection: NatsConnection,
  subject: string,
  schema: T,
  handle: (value: z.infer<T>, message: Msg) => void,
  onInvalid: (subject: string) => void = () => undefined,
  queue?: string,
): Subscription {
  return connection.subscribe(subject, {
    ...(queue === undefined ? {} : { queue }),
    callback: (error, message) => {
      if (error !== null) return;
      const value = decodeJson(schema, message.data);
      try {
        if (value === undefined) onInvalid(message.subject);
        else handle(value, message);
      } catch (fault) {
        queueMicrotask(() => {
          throw fault;
        });
      }
    },
  });
}

/** @returns what answered within the time, at most `count` replies; malformed ones are left out */
export async function gatherJson<T extends z.ZodType>(
  connection: NatsConnection,
  subject: string,
  replySchema: T,
  count: number,
  timeoutMs: number,
): Promise<z.infer<T>[]> {
  const replies: z.infer<T>[] = [];
  try {
    const options = { strategy: 'count', maxMessages: count, maxWait: timeoutMs } as const;
    for await (const message of await connection.requestMany(subject, encodeJson({}), options)) {
      const reply = decodeJson(replySchema, message.data);
      if (reply !== undefined) replies.push(reply);
    }
  } catch {
    // Nobody listens, or NATS is away: what has come is what there is.
  }
  return replies;
}

/** @returns the reply, or `undefined` where nobody answered in time or the answer was malformed */
export async function requestJson<T extends z.ZodType>(
  connection: NatsConnection,
  subject: string,
  value: unknown,
  replySchema: T,
  timeoutMs: number,
): Promise<z.infer<T> | undefined> {
  try {
    const reply = await connection.request(subject, encodeJson(value), { timeout: timeoutMs });
    return decodeJson(replySchema, reply.data);
  } catch {
    return undefined;
  }
}
