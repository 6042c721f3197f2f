/** Examples of one area. Specs hold each against its schema. */
export interface ExamplesOf {
  /** By the name of a schema. `RunCharter` is made of `Run` where it does not stand here. */
  readonly schemas: Readonly<Record<string, unknown>>;
  /** Where an operation's own says more, by `METHOD /path/{param}`. */
  readonly operations?: Readonly<Record<string, { readonly request?: unknown; readonly answer?: unknown }>>;
  /** Answers without a schema of their own, most of them no JSON: by operation, then by content type. Of a stream: the data of an event. */
  readonly texts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
