import { z } from 'zod';

/** One entry of `GET /v1/models`. */
export const openAiModelSchema = z
  .strictObject({
    /** A model, or `model@region`. */
    id: z.string(),
    object: z.literal('model'),
    /** Unix seconds; the same for all and for ever: Beacon does not know when a model was made. */
    created: z.int(),
    owned_by: z.string(),
  })
  .meta({ id: 'OpenAiModel' });
export type OpenAiModel = z.infer<typeof openAiModelSchema>;

export const openAiModelListSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(openAiModelSchema),
  })
  .meta({ id: 'OpenAiModelList' });
export type OpenAiModelList = z.infer<typeof openAiModelListSchema>;

/** What a name is held against. */
export interface KnownModels {
  readonly models: Pick<ReadonlySet<string>, 'has'>;
  /** A region's own name, by a name or an alias; undefined: it is none. */
  readonly resolveRegion: (name: string) => string | undefined;
}

/** What a model name asks for. */
export interface NamedModel {
  readonly model: string;
  /** By its own name; undefined: any. */
  readonly region: string | undefined;
}

/**
 * `model` or `model@region`. Only what follows the last `@` can be a region, and only if it is one: an id may contain
 * `@` itself. A model that is deployed under the whole name is that model.
 */
export function readModelName(name: string, { models, resolveRegion }: KnownModels): NamedModel {
  const at = name.lastIndexOf('@');
  if (at <= 0 || models.has(name)) return { model: name, region: undefined };
  const region = resolveRegion(name.slice(at + 1));
  return region === undefined ? { model: name, region } : { model: name.slice(0, at), region };
}

/** The region in a name, as the list of models spells it. */
export function pinnedName(model: string, region: string): string {
  return `${model}@${region.toLowerCase()}`;
}

/** The entry of a name. */
export function openAiModel(id: string): OpenAiModel {
  // 2026-01-01: before any deployment.
  return { id, object: 'model', created: 1_767_225_600, owned_by: 'beacon' };
}
