import type { NatsConnection } from '#messaging';

/** Nothing is quick because of it: it only ends what hangs. */
const LIMIT_MS = 60_000;

/**
 * The same connection, whose requests have all the time that a busy machine takes: for specs of what is answered, not of
 * how long an answer is waited for.
 */
export function unhurried(connection: NatsConnection): NatsConnection {
  const request: NatsConnection['request'] = (subject, payload, options) =>
    connection.request(subject, payload, { ...options, timeout: LIMIT_MS });
  return new Proxy(connection, {
    get: (target, name) => {
      if (name === 'request') return request;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
