/** What a caller needs to know of an endpoint. */
export interface Endpoint {
  readonly id: string;
  /** Region of the configuration, and every name by which the endpoint may attest it. */
  readonly region: string;
  readonly regionNames: readonly string[];
  readonly protocol: 'modal-hf' | 'openai';
  readonly url: string;
  /** Where it takes jobs; absent: calls are held open at `url`. On the origin of `url`. */
  readonly jobsUrl?: string | undefined;
  /** Longest pause between two polls of a job. */
  readonly pollMaxMs?: number | undefined;
  readonly healthUrl: string | undefined;
  /** Where its platform is told how long idle containers stay; absent: it cannot be. On the origin of `url`. */
  readonly autoscalerUrl?: string | undefined;
  /** Whether its requests carry the trace of the call; left out: they do not. */
  readonly sendTraceparent?: boolean;
}

/** Sent to the endpoint's own origin only: proxy credentials of the platform, or an API key. */
export type EndpointCredentials =
  { readonly modalKey: string; readonly modalSecret: string } | { readonly apiKey: string };

export function credentialHeaders(credentials: EndpointCredentials | undefined): Record<string, string> {
  if (credentials === undefined) return {};
  if ('apiKey' in credentials) return { authorization: `Bearer ${credentials.apiKey}` };
  return { 'Modal-Key': credentials.modalKey, 'Modal-Secret': credentials.modalSecret };
}
