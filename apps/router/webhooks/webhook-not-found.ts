import { ProblemError } from '#contracts';

export function webhookNotFound(eventId: string): ProblemError {
  return new ProblemError('WEBHOOK_NOT_FOUND', `event_id: there is no webhook "${eventId.slice(0, 64)}"`);
}
