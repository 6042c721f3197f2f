/** The part of JSON Schema that says what may be written at one place. */
export interface ConfigurationSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, ConfigurationSchema>>;
  readonly additionalProperties?: ConfigurationSchema | boolean;
  readonly required?: readonly string[];
  readonly items?: ConfigurationSchema;
  readonly anyOf?: readonly ConfigurationSchema[];
  readonly enum?: readonly (string | number)[];
  readonly const?: string | number;
  readonly default?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** @returns undefined: nothing may be written there */
export function schemaAt(
  schema: ConfigurationSchema,
  path: readonly PropertyKey[],
): ConfigurationSchema | undefined {
  let at: ConfigurationSchema | undefined = schema;
  for (const part of path) {
    const choices: readonly (ConfigurationSchema | undefined)[] = [at, ...(at?.anyOf ?? [])];
    const inside = choices.map((each) => {
      if (typeof part === 'number') return each?.items;
      const { additionalProperties: others } = each ?? {};
      return each?.properties?.[String(part)] ?? (typeof others === 'object' ? others : undefined);
    });
    at = inside.find((each) => each !== undefined);
  }
  return at;
}
