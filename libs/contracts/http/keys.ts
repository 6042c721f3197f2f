import { PRIORITIES, ROLES } from '#domain';
import { z } from 'zod';

/** A name that appears in lists, logs and paths. */
export const tenantSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'must be letters, digits, ".", "_" and "-", and begin with one of the first two',
  );

/** What a key may not go beyond. */
export const keyLimitsSchema = z
  .strictObject({
    models: z.array(z.string().min(1).max(64)).min(1).max(100).optional(),
    regions: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(100)
      .optional()
      .describe('Names of regions, not aliases.'),
    priorities: z.array(z.enum(PRIORITIES)).min(1).max(PRIORITIES.length).optional(),
    requests_per_s: z.number().positive().max(100_000).optional(),
    burst: z.int().min(1).max(1_000_000).optional(),
    queued_jobs: z.int().min(0).max(100_000_000).optional(),
    budget_micro_usd_per_day: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  })
  .meta({ id: 'KeyLimits' });

const rolesSchema = z.array(z.enum(ROLES)).min(1).max(ROLES.length);
const nameSchema = z.string().min(1).max(128);
/** A hundred years: as good as never. */
const SECONDS_MAX = 3_153_600_000;

/** Body of `POST /keys`. */
export const keyRequestSchema = z
  .strictObject({
    name: nameSchema,
    tenant: tenantSchema
      .optional()
      .describe("Keys of one tenant see each other's jobs and runs; left out: the name."),
    roles: rolesSchema,
    limits: keyLimitsSchema.default({}),
    expires_in_s: z.int().min(1).max(SECONDS_MAX).optional(),
  })
  .superRefine(({ name, tenant }, context) => {
    if (tenant !== undefined || tenantSchema.safeParse(name).success) return;
    const message = 'is required where the name cannot be that of a tenant';
    context.addIssue({ code: 'custom', path: ['tenant'], message });
  })
  .meta({ id: 'KeyRequest' });
export type KeyRequest = z.infer<typeof keyRequestSchema>;

/** Body of `POST /keys/{key_id}/rotate`. */
export const keyRotationSchema = z
  .strictObject({
    overlap_s: z
      .int()
      .min(0)
      .max(SECONDS_MAX)
      .default(86_400)
      .describe('How long the old key goes on beside the new one.'),
    expires_in_s: z
      .int()
      .min(1)
      .max(SECONDS_MAX)
      .optional()
      .describe('Left out: as long as the old one would have been valid.'),
  })
  .meta({ id: 'KeyRotation' });

/** A key as it is kept, less its hash. */
export const keyViewSchema = z
  .object({
    key_id: z.string(),
    name: z.string(),
    tenant: z.string(),
    roles: z.array(z.enum(ROLES)),
    limits: keyLimitsSchema,
    source: z.enum(['file', 'database']).describe("`file`: it stands in the server's keys file."),
    status: z.enum(['active', 'expired', 'revoked']),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    replaces: z.string().nullable(),
  })
  .meta({ id: 'Key' });
export type KeyView = z.infer<typeof keyViewSchema>;

export const keyListSchema = z.object({ keys: z.array(keyViewSchema) }).meta({ id: 'KeyList' });
export type KeyListView = z.infer<typeof keyListSchema>;

/** The only answer that ever holds a key. */
export const keyCreatedSchema = keyViewSchema
  .extend({
    key: z.string(),
    webhook_secret: z
      .string()
      .nullable()
      .describe(
        "What the tenant's webhooks are signed with; null: the server has no secret and they are not signed, or the tenant is `local`, whose secret is the server's own.",
      ),
  })
  .meta({ id: 'KeyCreated' });
export type KeyCreatedView = z.infer<typeof keyCreatedSchema>;

/** Answer of `GET /keys/self`. */
export const keySelfSchema = z
  .object({
    key_id: z.string().nullable().describe('null: the server has no keys, and everybody may do everything.'),
    tenant: z.string(),
    roles: z.array(z.enum(ROLES)),
    limits: keyLimitsSchema,
  })
  .meta({ id: 'KeySelf' });
export type KeySelfView = z.infer<typeof keySelfSchema>;

export const auditQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'is not a cursor of this list')
    .optional(),
});

export const auditListSchema = z
  .object({
    entries: z.array(
      z.object({
        entry_no: z.string(),
        at: z.iso.datetime(),
        actor: z.string().describe('Id of the key it was done with; `local` on a server without keys.'),
        tenant: z.string(),
        act: z.string(),
        target: z.string(),
        detail: z.record(z.string(), z.unknown()),
        request_id: z.string().nullable(),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'AuditList' });
export type AuditListView = z.infer<typeof auditListSchema>;
