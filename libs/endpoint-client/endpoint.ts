/** What a caller needs to know of an endpoint. */
export interface Endpoint {
  readonly id: string;
  /** Region of the configuration, and every name by which the endpoint may attest it. */
  readonly region: string;
  readonly regionNames: readonly string[];
  readonly protocol: 'modal-hf' | 'openai';
  readonly url: string;
  readonly healthUrl: string | undefined;
}

/** Proxy credentials of the platform; sent to the endpoint's own origin only. */
export interface EndpointCredentials {
  readonly modalKey: string;
  readonly modalSecret: string;
}
