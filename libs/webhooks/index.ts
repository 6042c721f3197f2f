export { isPublicAddress, webhookUrlFault } from './address-policy.js';
export type { Resolve } from './checked-lookup.js';
export { postWebhook, type WebhookPost, type WebhookPosted } from './post-webhook.js';
export { signWebhook } from './sign-webhook.js';
