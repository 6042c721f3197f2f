import { z } from 'zod';

/** What the schema cannot say of one value by its kind: what goes with what, what is there once, what is a host. */
export const CONFIGURATION_RULES = [
  'endpoint_limit',
  'endpoint_id_once',
  'endpoint_region_known',
  'endpoint_protocol_has_it',
  'endpoint_url_appendable',
  'endpoint_one_origin',
  'endpoint_warm_tellable',
  'url_without_credentials',
  'region_name_once',
  'price_day_once',
  'price_region_known',
  'task_model_served',
  'task_tokens_allowed',
  'task_pin_names_region',
  'task_region_known',
  'task_pin_served',
  'origin',
  'host_allowed',
  'proxy',
] as const;
export type ConfigurationRule = (typeof CONFIGURATION_RULES)[number];

type Path = readonly PropertyKey[];

/** How a broken rule is told; `message` names identifiers, never secrets. */
export interface BrokenRule {
  readonly rule: ConfigurationRule;
  /** Places that the rule was held to: where one of those is wrong, this may not be. */
  readonly beside?: readonly Path[];
  /** Which entry of the list at the path. */
  readonly entry?: number;
}

/** For a check of one value. */
export function byRule(rule: ConfigurationRule, error: string) {
  return { error, params: { rule } satisfies BrokenRule };
}

const brokenRuleSchema = z.object({
  rule: z.enum(CONFIGURATION_RULES),
  beside: z.array(z.array(z.union([z.string(), z.number()]))).default([]),
  entry: z.int().optional(),
});

/** @returns undefined: the fault is one that the schema finds by itself */
export function brokenRuleOf(fault: z.core.$ZodIssue):
  | (Required<Omit<BrokenRule, 'entry'>> & {
      readonly entry?: number | undefined;
    })
  | undefined {
  return fault.code === 'custom' ? brokenRuleSchema.safeParse(fault.params).data : undefined;
}
