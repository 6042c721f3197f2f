import type { z } from 'zod';

declare const charter: unique symbol;

/** What a customer may be sent. Only `charterView` makes one: what is not parsed by a charter schema is none. */
export type CharterView<Schema extends z.ZodType = z.ZodType> = z.output<Schema> & {
  readonly [charter]: true;
};

/** Something was to be sent to a customer that its schema does not allow. Nothing of it may be told. */
export class CharterFault extends Error {
  /** @param paths where; never what stood there */
  constructor(readonly paths: readonly string[]) {
    super(`the charter does not allow ${paths.join(', ')}`);
    this.name = 'CharterFault';
  }
}

const schemaOf = new WeakMap<object, z.ZodType>();

/**
 * The only way to what a customer may see.
 * @throws CharterFault where the value has a field that the schema does not have, or lacks one
 */
export function charterView<Schema extends z.ZodType>(
  schema: Schema,
  value: z.input<Schema>,
): CharterView<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new CharterFault(
      parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => [...issue.path, key].join('.'))
          : [issue.path.join('.')],
      ),
    );
  }
  const view = parsed.data as CharterView<Schema>;
  if (typeof view === 'object') schemaOf.set(view, schema);
  return view;
}

/** Whether a value was made by `charterView` with this very schema. */
export function isCharterView(value: object, schema: z.ZodType): boolean {
  return schemaOf.get(value) === schema;
}
