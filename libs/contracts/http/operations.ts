import { CHANGE_CAUSES, CONTROL_KINDS, CONTROL_MODES, ENDPOINT_STATES } from '#domain';
import { z } from 'zod';

const DAYS_30_S = 2_592_000;

/** Why; kept in the audit log and shown to operators. */
const reason = z.string().min(1).max(500).optional();
/** It ends by itself after so many seconds. */
const forS = z.number().min(1).max(DAYS_30_S).optional();

/** Body of a pause or a mode; may be left out. */
export const controlRequestSchema = z.strictObject({ reason, for_s: forS });
export const drainRequestSchema = z.strictObject({
  reason,
  for_s: forS,
  /** Once nothing is in flight the platform is told to give the idle container up. */
  release: z.boolean().default(false),
});
export const warmRequestSchema = z.strictObject({
  reason,
  for_s: z.number().min(1).max(DAYS_30_S).default(900),
});
export const undoRequestSchema = z.strictObject({ reason });
export const singleRegionRequestSchema = z.strictObject({
  /** Name or alias of the region that takes everything that is not pinned elsewhere. */
  region: z.string().min(1).max(64),
  reason,
  for_s: forS,
});
export const settingChangeSchema = z.strictObject({ value: z.number(), reason, for_s: forS });

const time = z.iso.datetime();

/** Something in force, and who wants it. */
export const controlSchema = z.object({
  /** The change that brought it; `POST /operations/changes/{id}/undo` takes it back. */
  change_id: z.int(),
  reason: z.string().nullable(),
  /** Id of the key it was asked with; `local` on a server without keys. */
  by: z.string(),
  since: time,
  /** Ends by itself then; `null`: it does not. */
  until: time.nullable(),
});
export type ControlView = z.infer<typeof controlSchema>;

const orderTargetSchema = z.object({ kind: z.enum(['endpoint', 'region']), id: z.string() });

const orderedEndpointSchema = z.object({
  id: z.string(),
  region: z.string(),
  state: z.enum(ENDPOINT_STATES),
  /** Calls that have not ended, and tickets that could not be taken back yet. */
  in_flight: z.int(),
});

/** Answer of pause, drain, resume and warm. */
export const orderedSchema = z.object({
  target: orderTargetSchema,
  /** `null`: there was nothing to change. */
  change_id: z.int().nullable(),
  /** What is in force for this target from now on; `null`: nothing. */
  in_force: controlSchema.nullable(),
  endpoints: z.array(orderedEndpointSchema),
  /** Nothing is in flight at any of them. */
  drained: z.boolean(),
  /** Tickets that had not begun and wait again, free to go elsewhere. */
  tickets_taken_back: z.int(),
  /** Endpoints of the region that cannot be made to do it. */
  left_out: z.array(z.string()),
});
export type OrderedView = z.infer<typeof orderedSchema>;

/** Answer of a changed mode and of an undo. */
export const changedSchema = z.object({
  kind: z.enum(CONTROL_KINDS),
  target: z.string(),
  change_id: z.int().nullable(),
  in_force: controlSchema.nullable(),
  /** Of single-region mode: models that the region does not serve. Their jobs wait, unless they are pinned elsewhere. */
  models_that_wait: z.array(z.string()),
});
export type ChangedView = z.infer<typeof changedSchema>;

export const settingSchema = z.object({
  name: z.string(),
  /** `null`: it is left out of the configuration, which then means that there is no such limit. */
  configured: z.number().nullable(),
  in_force: z.number().nullable(),
  /** `ceiling`: the configured value is the highest that may be set. */
  bound: z.enum(['free', 'ceiling']),
  /** `null`: the configured value is in force. */
  changed: controlSchema.nullable(),
});
export type SettingView = z.infer<typeof settingSchema>;
export const settingsSchema = z.object({ settings: z.array(settingSchema) });

/** Answer of `GET /operations`: everything in force that is not as configured. */
export const operationsSchema = z.object({
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
});
export type OperationsView = z.infer<typeof operationsSchema>;

export const controlChangeSchema = z.object({
  id: z.int(),
  at: time,
  kind: z.enum(CONTROL_KINDS),
  target: z.string(),
  /** `asked`: somebody asked. `undone`: a change was taken back. `ended`: its time was over. */
  cause: z.enum(CHANGE_CAUSES),
  by: z.string(),
  reason: z.string().nullable(),
  /** The change that this one took back. */
  undoes: z.int().nullable(),
  /** What was in force until then, and from then on; `null`: nothing. */
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});
export type ControlChangeView = z.infer<typeof controlChangeSchema>;
/** Newest first. `next`: `before` of the next page; `null`: there is none. */
export const controlChangesSchema = z.object({
  changes: z.array(controlChangeSchema),
  next: z.int().nullable(),
});
