/** Stands in every refused body, as a prompt would: no refusal may repeat it. */
export const MARKER = 'quetzalcoatlus';

const message = (role: string, content: unknown = MARKER): unknown => ({ role, content });
const FINE = { prompt: MARKER };
const MORE_MESSAGES_THAN_ANYONE_TAKES = Array.from({ length: 1025 }, () => message('user'));
const MORE_TEXT_THAN_ANYONE_TAKES = MARKER.repeat(40_000);

/** What every deployment refuses with 422. The model is added to those that are objects. */
export const REFUSED_BODIES: readonly (readonly [string, unknown])[] = [
  ['is no JSON', `{"prompt": "${MARKER}"`],
  ['is a list', [MARKER]],
  ['has neither prompt nor messages', { note: MARKER }],
  ['has a prompt that is no text', { prompt: [MARKER] }],
  ['has messages that are no list', { messages: MARKER }],
  ['has no messages in its list', { messages: [], note: MARKER }],
  ['has too many messages', { messages: MORE_MESSAGES_THAN_ANYONE_TAKES }],
  ['has a message of an unknown role', { messages: [message('user'), message('tool')] }],
  ['has a role that is no word of the protocol', { messages: [message(MARKER)] }],
  ['has a message whose content is no text', { messages: [message('user', [MARKER])] }],
  ['has more text than a model reads', { prompt: MORE_TEXT_THAN_ANYONE_TAKES }],
  ['has a temperature that is no number', { ...FINE, temperature: MARKER }],
  ['has a temperature below 0', { ...FINE, temperature: -1 }],
  ['has a temperature that is too high', { ...FINE, temperature: 99 }],
  ['has max_tokens that are no number', { ...FINE, max_tokens: MARKER }],
  ['has max_tokens below 0', { ...FINE, max_tokens: -1 }],
  ['has no max_tokens left', { ...FINE, max_tokens: 0 }],
  ['has half a token', { ...FINE, max_tokens: 1.5 }],
  ['has more max_tokens than any model', { ...FINE, max_tokens: 32_769 }],
];

/** @returns what is sent */
export function withModel(body: unknown, model: string): unknown {
  return typeof body === 'object' && !Array.isArray(body) ? { model, ...body } : body;
}
