import {
  charterRedeliveredSchema,
  charterView,
  charterWebhookDeliveryDetailsSchema,
  charterWebhookDeliveryListSchema,
  charterWebhookDeliverySchema,
  type CharterView,
  type RedeliveredView,
  type WebhookDeliveryDetailsView,
  type WebhookDeliveryListView,
  type WebhookDeliveryView,
} from '#contracts';

export function charterDelivery(view: WebhookDeliveryView): CharterView<typeof charterWebhookDeliverySchema> {
  return charterView(charterWebhookDeliverySchema, partsOf(view));
}

export function charterDeliveryList(
  view: WebhookDeliveryListView,
): CharterView<typeof charterWebhookDeliveryListSchema> {
  return charterView(charterWebhookDeliveryListSchema, {
    deliveries: view.deliveries.map(partsOf),
    next_cursor: view.next_cursor,
  });
}

export function charterDeliveryDetails(
  view: WebhookDeliveryDetailsView,
): CharterView<typeof charterWebhookDeliveryDetailsSchema> {
  return charterView(charterWebhookDeliveryDetailsSchema, {
    ...partsOf(view),
    url: view.url,
    body: view.body,
  });
}

export function charterRedelivered(view: RedeliveredView): CharterView<typeof charterRedeliveredSchema> {
  return charterView(charterRedeliveredSchema, { redelivered: view.redelivered, more: view.more });
}

function partsOf(view: WebhookDeliveryView) {
  return {
    event_id: view.event_id,
    event_type: view.event_type,
    job_id: view.job_id,
    run_id: view.run_id,
    sequence: view.sequence,
    receiver: view.receiver,
    status: view.status,
    tries: view.tries,
    last_error_code: view.last_error_code,
    last_status: view.last_status,
    created_at: view.created_at,
    next_try_at: view.next_try_at,
    finished_at: view.finished_at,
  };
}
