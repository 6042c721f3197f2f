export { isPublicAddress, webhookUrlFault } from './address-policy.js';
export { postWebhook, type Resolve, type WebhookPost, type WebhookPosted } from './post-webhook.js';
export { signWebhook } from './sign-webhook.js';
