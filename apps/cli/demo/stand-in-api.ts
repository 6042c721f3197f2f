import { z } from 'zod';
import { requestJson } from './http-json.js';

const faultSchema = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(['waiting', 'active', 'spent', 'expired']),
  hits: z.int(),
});
export type FaultView = z.output<typeof faultSchema>;

const meterSchema = z.object({
  calls_received: z.int(),
  in_flight: z.int(),
  max_in_flight: z.int(),
  overlaps: z.int(),
  cold_starts: z.int(),
  redirects_303: z.int(),
  gpus_peak: z.int(),
  gpu_seconds: z.number(),
  gpu_seconds_by: z.object({ cold_start: z.number(), busy: z.number(), idle: z.number() }),
  cost_usd: z.number().nullable(),
});
const accountSchema = z.object({
  time_scale: z.number(),
  totals: meterSchema,
  endpoints: z.record(
    z.string(),
    meterSchema.extend({ region: z.string(), gpu: z.string(), concurrency: z.int() }),
  ),
  repeated_keys: z.array(z.object({ key: z.string(), calls: z.int() })),
});
/** The stand-in's own books. */
export type AccountView = z.output<typeof accountSchema>;

const callSchema = z.object({
  endpoint: z.string(),
  queued_s: z.number().nullable(),
  cold_start: z.boolean(),
});
export type CallView = z.output<typeof callSchema>;

/** The stand-in's side door: its faults and its books. Beacon does not know it. */
export class StandInApi {
  constructor(
    private readonly baseUrl: string,
    private readonly signal: AbortSignal,
  ) {}

  async addFault(body: unknown): Promise<FaultView> {
    const schema = z.object({ fault: faultSchema });
    return (await requestJson(this.at('faults'), schema, this.signal, body)).fault;
  }

  async faults(): Promise<FaultView[]> {
    const schema = z.object({ faults: z.array(faultSchema) });
    return (await requestJson(this.at('faults'), schema, this.signal)).faults;
  }

  account(): Promise<AccountView> {
    return requestJson(this.at('account'), accountSchema, this.signal);
  }

  async calls(): Promise<CallView[]> {
    const schema = z.object({ calls: z.array(callSchema) });
    return (await requestJson(this.at('account/calls'), schema, this.signal)).calls;
  }

  private at(path: string): URL {
    return new URL(`/_stand-in/${path}`, this.baseUrl);
  }
}
