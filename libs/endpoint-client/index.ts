export { tellAutoscaler, type AutoscaledEndpoint } from './autoscaler.js';
export { callEndpoint, type CallOptions } from './call-endpoint.js';
export { HANDED_ON } from './call-lifetime.js';
export type { Endpoint, EndpointCredentials } from './endpoint.js';
export { createHttpClient, type HttpClient } from './http.js';
export { Nudge } from './nudge.js';
export { probeHealth, type Health } from './probe-health.js';
export { RequestLimiter } from './request-limiter.js';
