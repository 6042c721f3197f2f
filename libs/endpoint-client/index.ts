export { callEndpoint, probeHealth, type CallOptions } from './call-endpoint.js';
export type { Endpoint, EndpointCredentials } from './endpoint.js';
export { createHttpClient, type HttpClient } from './http.js';
