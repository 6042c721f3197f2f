import type { z } from 'zod';

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Asks for JSON of a known shape.
 * @param body sent as JSON with POST; left out: GET
 * @throws where there is no answer, it is an error, or it has another shape
 */
export async function requestJson<Schema extends z.ZodType>(
  url: URL,
  schema: Schema,
  signal: AbortSignal,
  body?: unknown,
): Promise<z.output<Schema>> {
  const answer = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url.pathname} answered ${answer.status}: ${text.slice(0, 500)}`);
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${url.pathname} answered something else: ${parsed.error.message}`);
  return parsed.data;
}
