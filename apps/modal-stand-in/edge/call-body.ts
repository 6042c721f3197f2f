import { z } from 'zod';
import { GATEWAY_LIMITS } from '../configuration/gateway-limits.js';
import type { ChatMessage, ModelRequest } from '../engine/answer-engine.js';

const { messages: mostMessages, tokens: mostTokens, temperature: highest, textBytes } = GATEWAY_LIMITS;

const messageSchema = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });

/** Loose, as the deployed applications are: unknown fields are ignored. As strict as they are with those it knows. */
const bodySchema = z
  .object({
    model: z.string().min(1),
    prompt: z.string().nullish(),
    messages: z.array(messageSchema).min(1).max(mostMessages).nullish(),
    system: z.string().nullish(),
    temperature: z.number().min(0).max(highest).default(0.1),
    max_tokens: z.int().min(1).max(mostTokens).default(512),
    seed: z
      .number()
      .min(0)
      .lt(2 ** 63)
      .refine(Number.isInteger, 'must be an integer')
      .nullish(),
    stream: z.boolean().nullish(),
  })
  .superRefine((body, context) => {
    if (typeof body.prompt !== 'string' && !Array.isArray(body.messages)) {
      context.addIssue({ code: 'custom', path: ['prompt'], message: 'Field required' });
    }
    if (bytesOf(conversation(body)) > textBytes) {
      context.addIssue({
        code: 'custom',
        message: `the messages together are longer than ${textBytes} bytes`,
      });
    }
  });

interface Asked {
  readonly prompt?: string | null | undefined;
  readonly messages?: readonly ChatMessage[] | null | undefined;
  readonly system?: string | null | undefined;
}

/** `messages` wins over `prompt`; `system` goes first. */
function conversation({ prompt, messages, system }: Asked): readonly ChatMessage[] {
  const asked = messages ?? [{ role: 'user', content: prompt ?? '' }];
  return typeof system === 'string' ? [{ role: 'system', content: system }, ...asked] : asked;
}

function bytesOf(messages: readonly ChatMessage[]): number {
  return messages.reduce((bytes, { content }) => bytes + Buffer.byteLength(content), 0);
}

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
  const { model, temperature, max_tokens: maxTokens, stream, seed } = parsed.data;
  return {
    kind: 'valid',
    isStreamed: stream === true,
    request: {
      ...{ model, messages: conversation(parsed.data), temperature, maxTokens },
      ...(typeof seed === 'number' ? { seed } : {}),
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
