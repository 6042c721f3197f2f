export { AddressPolicy, isPublicAddress, type AddressPolicyOptions } from './address-policy.js';
export type { Resolve } from './checked-lookup.js';
export { postWebhook, type WebhookPost, type WebhookPosted } from './post-webhook.js';
export { secretOfTenant, signWebhook } from './sign-webhook.js';
