import type { WebhookDeliveryDetailsView, WebhookDeliveryView } from '#contracts';
import type { WebhookDelivery, WebhookDeliveryDetails } from '#persistence';

export function deliveryView(delivery: WebhookDelivery): WebhookDeliveryView {
  const { status } = delivery;
  return {
    event_id: delivery.eventId,
    event_type: delivery.eventType,
    job_id: delivery.jobId,
    run_id: delivery.runId,
    sequence: delivery.sequence,
    receiver: delivery.receiver,
    status,
    tries: delivery.tries,
    last_error_code: delivery.lastErrorCode,
    last_status: delivery.lastStatus,
    created_at: delivery.createdAt.toISOString(),
    next_try_at: status === 'pending' ? delivery.dueAt.toISOString() : null,
    finished_at: delivery.finishedAt?.toISOString() ?? null,
  };
}

export function deliveryDetailsView(delivery: WebhookDeliveryDetails): WebhookDeliveryDetailsView {
  const [url = ''] = delivery.url.split(/[?#]/);
  return {
    ...deliveryView(delivery),
    url,
    body: JSON.parse(delivery.body) as Record<string, unknown>,
  };
}
