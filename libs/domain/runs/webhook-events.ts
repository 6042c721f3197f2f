/** Events of a run that somebody outside may be waiting for: its `webhook_url` is told of them. */
export const WEBHOOK_EVENT_TYPES = ['gate.waiting', 'gate.decided', 'run.finished'] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];

export function isWebhookEvent(type: string): type is WebhookEventType {
  return WEBHOOK_EVENT_TYPES.some((told) => told === type);
}
