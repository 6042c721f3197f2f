import { CHANGE_CAUSES, CONTROL_KINDS, CONTROL_MODES, ENDPOINT_STATES } from '#domain';
import { z } from 'zod';

const DAYS_30_S = 2_592_000;

/** Why; kept in the audit log and shown to operators. */
const reason = z.string().min(1).max(500).optional();
/** It ends by itself after so many seconds. */
const forS = z.number().min(1).max(DAYS_30_S).optional();

/** Body of a pause or a mode; may be left out. */
export const controlRequestSchema = z.strictObject({ reason, for_s: forS }).meta({ id: 'ControlRequest' });
export const drainRequestSchema = z
  .strictObject({
    reason,
    for_s: forS,
    release: z
      .boolean()
      .default(false)
      .describe('Once nothing is in flight the platform is told to give the idle container up.'),
  })
  .meta({ id: 'DrainRequest' });
export const warmRequestSchema = z
  .strictObject({
    reason,
    for_s: z.number().min(1).max(DAYS_30_S).default(900),
  })
  .meta({ id: 'WarmRequest' });
export const undoRequestSchema = z.strictObject({ reason }).meta({ id: 'UndoRequest' });
export const singleRegionRequestSchema = z
  .strictObject({
    region: z
      .string()
      .min(1)
      .max(64)
      .describe('Name or alias of the region that takes everything that is not pinned elsewhere.'),
    reason,
    for_s: forS,
  })
  .meta({ id: 'SingleRegionRequest' });
export const settingChangeSchema = z
  .strictObject({ value: z.number(), reason, for_s: forS })
  .meta({ id: 'SettingChange' });

const time = z.iso.datetime();

/** Something in force, and who wants it. */
export const controlSchema = z
  .object({
    change_id: z
      .int()
      .describe('The change that brought it; `POST /operations/changes/{id}/undo` takes it back.'),
    reason: z.string().nullable(),
    by: z.string().describe('Id of the key it was asked with; `local` on a server without keys.'),
    since: time,
    until: time.nullable().describe('Ends by itself then; `null`: it does not.'),
  })
  .meta({ id: 'Control' });
export type ControlView = z.infer<typeof controlSchema>;

const orderTargetSchema = z
  .object({ kind: z.enum(['endpoint', 'region']), id: z.string() })
  .meta({ id: 'OrderTarget' });

const orderedEndpointSchema = z.object({
  id: z.string(),
  region: z.string(),
  state: z.enum(ENDPOINT_STATES),
  in_flight: z.int().describe('Calls that have not ended, and tickets that could not be taken back yet.'),
});

/** Answer of pause, drain, resume and warm. */
export const orderedSchema = z
  .object({
    target: orderTargetSchema,
    change_id: z.int().nullable().describe('`null`: there was nothing to change.'),
    in_force: controlSchema
      .nullable()
      .describe('What is in force for this target from now on; `null`: nothing.'),
    endpoints: z.array(orderedEndpointSchema),
    drained: z.boolean().describe('Nothing is in flight at any of them.'),
    tickets_taken_back: z.int().describe('Tickets that had not begun and wait again, free to go elsewhere.'),
    left_out: z.array(z.string()).describe('Endpoints of the region that cannot be made to do it.'),
  })
  .meta({ id: 'Ordered' });
export type OrderedView = z.infer<typeof orderedSchema>;

/** Answer of a changed mode and of an undo. */
export const changedSchema = z
  .object({
    kind: z.enum(CONTROL_KINDS),
    target: z.string(),
    change_id: z.int().nullable(),
    in_force: controlSchema.nullable(),
    models_that_wait: z
      .array(z.string())
      .describe(
        'Of single-region mode: models that the region does not serve. Their jobs wait, unless they are pinned elsewhere.',
      ),
  })
  .meta({ id: 'Changed' });
export type ChangedView = z.infer<typeof changedSchema>;

export const settingSchema = z
  .object({
    name: z.string(),
    configured: z
      .number()
      .nullable()
      .describe('`null`: it is left out of the configuration, which then means that there is no such limit.'),
    in_force: z.number().nullable(),
    bound: z
      .enum(['free', 'ceiling'])
      .describe('`ceiling`: the configured value is the highest that may be set.'),
    changed: controlSchema.nullable().describe('`null`: the configured value is in force.'),
  })
  .meta({ id: 'Setting' });
export type SettingView = z.infer<typeof settingSchema>;
export const settingsSchema = z.object({ settings: z.array(settingSchema) }).meta({ id: 'SettingList' });

/** Answer of `GET /operations`: everything in force that is not as configured. */
export const operationsSchema = z
  .object({
    pauses: z.array(
      controlSchema.extend({
        target: orderTargetSchema,
        drain: z.boolean(),
        release: z.boolean(),
        in_flight: z.int(),
        drained: z.boolean(),
      }),
    ),
    warm: z.array(controlSchema.extend({ target: orderTargetSchema })),
    modes: z.array(controlSchema.extend({ mode: z.enum(CONTROL_MODES), region: z.string().nullable() })),
    settings: z.array(settingSchema),
  })
  .meta({ id: 'Operations' });
export type OperationsView = z.infer<typeof operationsSchema>;

export const controlChangeSchema = z
  .object({
    id: z.int(),
    at: time,
    kind: z.enum(CONTROL_KINDS),
    target: z.string(),
    cause: z
      .enum(CHANGE_CAUSES)
      .describe('`asked`: somebody asked. `undone`: a change was taken back. `ended`: its time was over.'),
    by: z.string(),
    reason: z.string().nullable(),
    undoes: z.int().nullable().describe('The change that this one took back.'),
    before: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('What was in force until then, and from then on; `null`: nothing.'),
    after: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'ControlChange' });
export type ControlChangeView = z.infer<typeof controlChangeSchema>;
/** Newest first. `next`: `before` of the next page; `null`: there is none. */
export const controlChangesSchema = z
  .object({
    changes: z.array(controlChangeSchema),
    next: z.int().nullable(),
  })
  .meta({ id: 'ControlChangeList' });
