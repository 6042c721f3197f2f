import { PRIORITIES, REGION_POLICIES } from '#domain';
import { z } from 'zod';
import type { RequestLimits } from '../http/inference.js';
import { ProblemError, parseRequest } from '../problems.js';
import type { JobPlace } from './jobs.js';
import type { NamedModel } from './models.js';

/** A label of the caller's own; it goes into the job's metadata. */
const label = z.string().regex(/^[\x20-\x7e]{1,256}$/, 'must be 1 to 256 printable ASCII characters');

/** What a request of the door asks of Beacon, beside what OpenAI's contract has. */
function doorHeadersSchema(limits: RequestLimits) {
  const timeout = `must be a whole number of milliseconds from 1 to ${limits.timeoutMs}`;
  return z.strictObject({
    'x-beacon-region': z.string().min(1).max(64).optional(),
    'x-beacon-region-policy': z.enum(REGION_POLICIES).optional(),
    'x-beacon-priority': z.enum(PRIORITIES).optional(),
    'x-beacon-deadline': z.iso.datetime({ offset: true }).optional(),
    'x-beacon-timeout-ms': z
      .string()
      .regex(/^[0-9]{1,15}$/, timeout)
      .transform(Number)
      .refine((ms) => ms >= 1 && ms <= limits.timeoutMs, timeout)
      .optional(),
    'x-beacon-run-id': label.optional(),
    'x-beacon-cell-id': label.optional(),
    'x-beacon-keep-alive': z.enum(['on', 'off']).optional(),
  });
}
export type DoorHeaders = z.infer<ReturnType<typeof doorHeadersSchema>>;

/** The names of the headers that the door takes. */
export const DOOR_HEADERS: readonly string[] = [
  'X-Beacon-Region',
  'X-Beacon-Region-Policy',
  'X-Beacon-Priority',
  'X-Beacon-Deadline',
  'X-Beacon-Timeout-Ms',
  'X-Beacon-Run-Id',
  'X-Beacon-Cell-Id',
  'X-Beacon-Keep-Alive',
];

/** Of other processes of Beacon: they say on whose behalf they ask. */
const OF_SERVICES = new Set(['x-beacon-tenant', 'x-beacon-key-id']);

/**
 * Headers that begin with `x-beacon-` and are not known are refused: one that is misspelt would let a job run elsewhere
 * than was asked for.
 * @param headers of the request, their names in lower case
 * @throws ProblemError VALIDATION_FAILED naming the header
 */
export function readDoorHeaders(
  headers: Readonly<Record<string, unknown>>,
  limits: RequestLimits,
): DoorHeaders {
  const own = Object.entries(headers).filter(
    ([name]) => name.startsWith('x-beacon-') && !OF_SERVICES.has(name),
  );
  return parseRequest(doorHeadersSchema(limits), Object.fromEntries(own));
}

/**
 * Where and how a job is to run, by the model's name and the headers.
 * @param resolveRegion a region's own name, by a name or an alias
 * @throws ProblemError VALIDATION_FAILED naming the header that says something else than the name does
 */
export function placeOf(
  { model, region }: NamedModel,
  headers: DoorHeaders,
  resolveRegion: (name: string) => string | undefined,
): JobPlace {
  const asked = headers['x-beacon-region'];
  const named = asked === undefined ? undefined : resolveRegion(asked);
  if (asked !== undefined && named === undefined) throw refused('x-beacon-region', noRegion(asked));
  if (region !== undefined && named !== undefined && named !== region)
    throw refused('x-beacon-region', `is ${named}, and the model's name is pinned to ${region}`);
  const policy = headers['x-beacon-region-policy'];
  if (region !== undefined && policy !== undefined && policy !== 'pin')
    throw refused('x-beacon-region-policy', `is "${policy}", and the model's name is pinned to ${region}`);
  if (region === undefined && named === undefined && policy === 'pin')
    throw refused('x-beacon-region-policy', '"pin" needs a region: X-Beacon-Region, or model@region');
  const metadata = {
    ...labelOf('run_id', headers['x-beacon-run-id']),
    ...labelOf('cell_id', headers['x-beacon-cell-id']),
  };
  return {
    model,
    region: region ?? named,
    regionPolicy: region === undefined ? policy : 'pin',
    priority: headers['x-beacon-priority'],
    timeoutMs: headers['x-beacon-timeout-ms'],
    deadline: headers['x-beacon-deadline'],
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** @param name neither a region nor an alias */
export function noRegion(name: string): string {
  return `"${name}" is no region of this server, nor an alias of one`;
}

function labelOf(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function refused(field: string, message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `${field}: ${message}`, [{ field, message }]);
}
