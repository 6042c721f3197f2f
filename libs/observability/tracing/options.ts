/** How the root of a trace decides whether it is recorded; `ratio` of `traceidratio`. */
export interface SamplerOptions {
  readonly kind: 'always_on' | 'always_off' | 'traceidratio';
  readonly ratio: number;
  /** What a parent has decided holds. */
  readonly parentBased: boolean;
}

export interface TracingOptions {
  /** Where spans are POSTed to, as OTLP in JSON. */
  readonly url: string;
  /** Sent along; may hold a secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Processes are told apart by what follows it. */
  readonly serviceName: string;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly sampler: SamplerOptions;
}
