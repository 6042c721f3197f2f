import { z } from 'zod';
import type { BrokenRule } from './configuration-rule.js';

const identifier = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-" only');

/** How tasks of one type are done. */
const taskTypeSchema = z.strictObject({
  /** Who answers for tasks of this type, unless they say so themselves. */
  owner: identifier,
  /** One that an endpoint serves; which endpoints work on the type is said by giving them a model name of its own. */
  model: identifier,
  /** A region's name or alias; left out: where it starts first. */
  region: identifier.optional(),
  region_policy: z.enum(['pin', 'prefer', 'any']).default('prefer'),
  /** Goes before what the client sends. */
  system_prompt: z.string().min(1).max(32_768).optional(),
  max_tokens: z.int().min(1).max(1_000_000).default(2048),
  temperature: z.number().min(0).max(2).default(0.1),
  /** Longest execution; left out: `timeouts.execution_ms`. */
  timeout_ms: z.int().min(10).max(86_400_000).optional(),
  /** How much of a result its summary holds, in UTF-8 bytes. */
  result_summary_bytes: z.int().min(1).max(16_384).default(500),
});
export type TaskTypeConfiguration = z.infer<typeof taskTypeSchema>;

export const tasksSchema = z.record(identifier, taskTypeSchema);

interface Served {
  readonly tasks?: Readonly<Record<string, TaskTypeConfiguration>> | undefined;
  readonly limits: { readonly max_tokens: number };
  readonly regions: Readonly<Record<string, { readonly aliases: readonly string[] }>>;
  readonly endpoints: readonly { readonly models: readonly string[]; readonly region: string }[];
}

/** What would have every task of a type refused. */
export function checkTasks(
  { tasks, limits, regions, endpoints }: Served,
  complain: (path: readonly string[], message: string, broken: BrokenRule) => void,
): void {
  for (const [type, task] of Object.entries(tasks ?? {})) {
    const serving = endpoints.filter(({ models }) => models.includes(task.model));
    if (serving.length === 0)
      complain([type, 'model'], `no endpoint serves "${task.model}"`, { rule: 'task_model_served' });
    if (task.max_tokens > limits.max_tokens)
      complain([type, 'max_tokens'], `is above limits.max_tokens (${limits.max_tokens})`, {
        rule: 'task_tokens_allowed',
        beside: [['limits', 'max_tokens']],
      });
    if (task.region === undefined) {
      if (task.region_policy === 'pin')
        complain([type, 'region'], 'is required when region_policy is "pin"', {
          rule: 'task_pin_names_region',
        });
      continue;
    }
    const wanted = task.region.toLowerCase();
    const region = Object.entries(regions).find(([name, { aliases }]) =>
      [name, ...aliases].some((known) => known.toLowerCase() === wanted),
    )?.[0];
    if (region === undefined)
      complain([type, 'region'], `"${task.region}" is not one of regions`, {
        rule: 'task_region_known',
        beside: [['regions']],
      });
    else if (
      task.region_policy === 'pin' &&
      serving.length > 0 &&
      !serving.some((endpoint) => endpoint.region === region)
    )
      complain([type, 'region'], `no endpoint in ${region} serves "${task.model}"`, {
        rule: 'task_pin_served',
        beside: [['endpoints']],
      });
  }
}
