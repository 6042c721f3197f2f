import { z } from 'zod';
import {
  changedSchema,
  controlChangesSchema,
  controlRequestSchema,
  drainRequestSchema,
  operationsSchema,
  orderedSchema,
  settingChangeSchema,
  settingSchema,
  settingsSchema,
  singleRegionRequestSchema,
  undoRequestSchema,
  warmRequestSchema,
} from './http/operations.js';
import type { Operation } from './openapi.js';
import { BODY_PROBLEMS } from './openapi-problems.js';

const ORDERS = [
  [
    'pause',
    'Admit nothing new there; what has not begun waits again, calls in flight end',
    controlRequestSchema,
  ],
  [
    'drain',
    'Pause it until nothing is in flight, and give its idle container up if asked',
    drainRequestSchema,
  ],
  ['resume', 'End its pause', undoRequestSchema],
  ['warm', 'Wake a container and keep it for a time', warmRequestSchema],
] as const;

/** What operators change while Beacon runs. */
export function operationsOperations(): Operation[] {
  const tag = 'operations';
  const orders = ORDERS.flatMap(([order, summary, request]): Operation[] =>
    (
      [
        ['/endpoints/{id}', 'UNKNOWN_ENDPOINT', 'an endpoint'],
        ['/regions/{region}', 'UNKNOWN_REGION', 'every endpoint of a region'],
      ] as const
    ).map(([path, unknown, what]) => ({
      method: 'post',
      path: `${path}/${order}`,
      tag,
      summary: `${summary}: ${what}`,
      request,
      isBodyOptional: true,
      responses: { 200: orderedSchema },
      problems: [
        ...BODY_PROBLEMS,
        unknown,
        ...(order === 'warm' || order === 'drain' ? (['NOT_CONTROLLABLE'] as const) : []),
      ],
    })),
  );
  return [
    ...orders,
    {
      method: 'get',
      path: '/operations',
      tag,
      summary: 'Everything in force that is not as configured, with who, when, why and until when',
      responses: { 200: operationsSchema },
      problems: [],
    },
    {
      method: 'get',
      path: '/operations/settings',
      tag,
      summary: 'Settings that may be changed while Beacon runs',
      responses: { 200: settingsSchema },
      problems: [],
    },
    {
      method: 'put',
      path: '/operations/settings/{name}',
      tag,
      summary: 'Change a setting',
      request: settingChangeSchema,
      responses: { 200: settingSchema },
      problems: [...BODY_PROBLEMS, 'UNKNOWN_SETTING'],
    },
    {
      method: 'delete',
      path: '/operations/settings/{name}',
      tag,
      summary: 'Return a setting to its configured value',
      responses: { 200: settingSchema },
      problems: ['UNKNOWN_SETTING'],
    },
    {
      method: 'put',
      path: '/operations/modes/direct',
      tag,
      summary: 'Direct mode: jobs that a caller waits for go before all others',
      request: controlRequestSchema,
      isBodyOptional: true,
      responses: { 200: changedSchema },
      problems: [...BODY_PROBLEMS],
    },
    {
      method: 'put',
      path: '/operations/modes/single-region',
      tag,
      summary: 'Single-region mode: one region takes everything that is not pinned elsewhere',
      request: singleRegionRequestSchema,
      responses: { 200: changedSchema },
      problems: [...BODY_PROBLEMS, 'UNKNOWN_REGION'],
    },
    ...(['direct', 'single-region'] as const).map((mode): Operation => ({
      method: 'delete',
      path: `/operations/modes/${mode}`,
      tag,
      summary: `Leave ${mode === 'direct' ? 'direct' : 'single-region'} mode`,
      responses: { 200: changedSchema },
      problems: [],
    })),
    {
      method: 'get',
      path: '/operations/changes',
      tag,
      summary: 'What was changed, newest first',
      query: { limit: z.int().min(1).max(500).optional(), before: z.int().optional() },
      responses: { 200: controlChangesSchema },
      problems: ['VALIDATION_FAILED'],
    },
    {
      method: 'post',
      path: '/operations/changes/{id}/undo',
      tag,
      summary: 'Restore what was in force before a change; `latest` is the latest that nobody has taken back',
      request: undoRequestSchema,
      isBodyOptional: true,
      responses: { 200: changedSchema },
      problems: [...BODY_PROBLEMS, 'CHANGE_NOT_FOUND', 'CHANGE_SUPERSEDED'],
    },
  ];
}
