import { z } from 'zod';

/** On whose behalf another process of Beacon asks; believed with the service token only. */
export const serviceHeadersSchema = z.object({
  'x-beacon-tenant': z.string().min(1).max(64).optional(),
  'x-beacon-key-id': z.string().min(1).max(64).optional(),
  'x-beacon-run-id': z.uuid().optional(),
});
export type ServiceHeaders = z.infer<typeof serviceHeadersSchema>;
