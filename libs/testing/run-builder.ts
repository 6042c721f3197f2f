import { randomUUID } from 'node:crypto';
import { LOCAL_TENANT, type RunOrder } from '#domain';
import type { NewRun, StoredRunSpec } from '#persistence';

export interface RunShape {
  readonly questions?: number;
  readonly repeats?: number;
  readonly models?: readonly string[];
  readonly regions?: readonly string[];
  readonly order?: RunOrder;
  readonly policy?: StoredRunSpec['region_policy'];
  /** After these questions, by number. */
  readonly gatesAfter?: readonly number[];
  readonly gateExpiresInS?: number;
  readonly webhookUrl?: string;
  /** By pair. */
  readonly inFlightMax?: readonly number[];
  readonly systemPrompts?: Readonly<Record<string, string>>;
}

/** A run as intake would insert it: questions q1, q2, ..., every model in every region. */
export function aRun(shape: RunShape = {}): NewRun {
  const { questions = 2, repeats = 1, models = ['m1'], regions = ['US', 'EU'], order = 'pipeline' } = shape;
  const pairs = regions.flatMap((region) => models.map((model) => ({ model, region })));
  return {
    id: randomUUID(),
    tenant: LOCAL_TENANT,
    keyId: null,
    name: 'test',
    spec: {
      models,
      regions,
      repeats,
      region_policy: shape.policy ?? 'pin',
      system_prompts: shape.systemPrompts ?? {},
      temperature: 0.1,
      max_tokens: 64,
      webhook_url: shape.webhookUrl ?? null,
      pairs,
      ...(shape.inFlightMax === undefined ? {} : { in_flight_max: shape.inFlightMax }),
      unavailable: [],
    },
    plan: {
      order,
      requested_order: order,
      reason: 'as requested',
      cells_per_endpoint: {},
      estimated_makespan_seconds: null,
    },
    questions: Array.from({ length: questions }, (_, index) => ({
      id: `q${index + 1}`,
      text: `question ${index + 1}`,
      systems: null,
    })),
    gates: (shape.gatesAfter ?? []).map((afterQuestionNo) => ({
      gateId: `q${afterQuestionNo}`,
      afterQuestionNo,
      expiresInS: shape.gateExpiresInS ?? 604_800,
    })),
    totalCells: questions * repeats * pairs.length,
    idempotencyKey: null,
    requestHash: null,
  };
}
