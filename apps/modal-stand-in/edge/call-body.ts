import { z } from 'zod';
import type { ModelRequest } from '../engine/answer-engine.js';

/** Loose, as the deployed applications are: unknown fields are ignored. */
const bodySchema = z
  .object({
    model: z.string().min(1),
    prompt: z.string().optional(),
    messages: z.array(z.object({ role: z.string(), content: z.string() })).optional(),
    system: z.string().optional(),
    temperature: z.number().default(0.1),
    max_tokens: z.number().default(512),
    stream: z.boolean().nullish(),
  })
  .refine(({ prompt, messages }) => prompt !== undefined || messages !== undefined, {
    path: ['prompt'],
    message: 'Field required',
  });

/** FastAPI's 422, which is what an application behind Modal answers. */
export interface InvalidBody {
  readonly detail: readonly {
    readonly loc: readonly (string | number)[];
    readonly msg: string;
    readonly type: string;
  }[];
}

export type CallBody =
  | { readonly kind: 'valid'; readonly request: ModelRequest; readonly isStreamed: boolean }
  | { readonly kind: 'invalid'; readonly detail: InvalidBody };

export function parseCallBody(text: string): CallBody {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return invalid([{ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid' }]);
  }
  const parsed = bodySchema.safeParse(document);
  if (!parsed.success) {
    return invalid(
      parsed.error.issues.map(({ path, message }) => ({
        loc: ['body', ...path.map((part) => (typeof part === 'number' ? part : String(part)))],
        msg: message,
        type: 'value_error',
      })),
    );
  }
  const { model, prompt, messages, system, temperature, max_tokens: maxTokens, stream } = parsed.data;
  const asked = messages ?? [{ role: 'user', content: prompt ?? '' }];
  return {
    kind: 'valid',
    isStreamed: stream === true,
    request: {
      model,
      messages: system === undefined ? asked : [{ role: 'system', content: system }, ...asked],
      temperature,
      maxTokens,
    },
  };
}

/** The application's own answer, with status 200. */
export function modelNotServed(model: string, served: readonly string[]): { status: 'error'; error: string } {
  const error = `model "${model.slice(0, 64)}" is not served here; models: ${served.join(', ')}`;
  return { status: 'error', error };
}

function invalid(detail: InvalidBody['detail']): CallBody {
  return { kind: 'invalid', detail: { detail } };
}
