import { ProblemError } from '#contracts';
import type { KeyLimits, Priority, RegionPolicy } from '#domain';

/** What a job or a run asks for, as far as a key may be confined. */
export interface Asked {
  readonly models: readonly { readonly field: string; readonly name: string }[];
  /** By their own names. */
  readonly regions: readonly { readonly field: string; readonly name: string }[];
  readonly priority: Priority;
}

/** @throws ProblemError FORBIDDEN naming the field, what it asks for and what the key allows */
export function refuseOutsideKey({ models, regions, priorities }: KeyLimits, asked: Asked): void {
  for (const { field, name } of asked.models) refuseUnlessAmong(field, name, models);
  for (const { field, name } of asked.regions) refuseUnlessAmong(field, name, regions);
  refuseUnlessAmong('priority', asked.priority, priorities);
}

/**
 * Of a run its region policy is refused and not changed: its receipt says what was asked for.
 * @throws ProblemError FORBIDDEN where cells might be answered outside the key's regions
 */
function refuseLeavingRegions({ regions }: KeyLimits, policy: RegionPolicy): void {
  if (regions === undefined || policy === 'pin') return;
  throw forbidden('region_policy', `"${policy}" may leave the regions of this key; allowed: pin`);
}

/** Cells ask for none. */
const PRIORITY_OF_CELLS: Priority = 'normal';

/** @throws ProblemError FORBIDDEN where the key allows no such run */
export function refuseRunOutsideKey(
  limits: KeyLimits,
  run: {
    readonly models: readonly string[];
    readonly regions: readonly string[];
    readonly region_policy: RegionPolicy;
  },
): void {
  refuseOutsideKey(limits, {
    models: run.models.map((name, index) => ({ field: `models[${index}]`, name })),
    regions: run.regions.map((name, index) => ({ field: `regions[${index}]`, name })),
    priority: PRIORITY_OF_CELLS,
  });
  refuseLeavingRegions(limits, run.region_policy);
}

/**
 * Where a job of a key may go that is confined to regions: it stays in one of them, whatever its region policy, because
 * a failover would leave it.
 * @param serving regions that serve its model
 * @returns those it may be put in; undefined: the key is not confined
 * @throws ProblemError FORBIDDEN where none of the key's regions serves the model
 */
export function regionsOfKey(
  { regions }: KeyLimits,
  model: string,
  serving: readonly string[],
): readonly string[] | undefined {
  if (regions === undefined) return undefined;
  const able = serving.filter((region) => regions.includes(region));
  if (able.length > 0) return able;
  throw forbidden(
    'model',
    `"${model}" is not served in the regions of this key; allowed: ${listOf(regions)}`,
  );
}

function refuseUnlessAmong(field: string, name: string, allowed: readonly string[] | undefined): void {
  if (allowed === undefined || allowed.includes(name)) return;
  throw forbidden(field, `this key does not allow "${name}"; allowed: ${listOf(allowed)}`);
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

function forbidden(field: string, message: string): ProblemError {
  return new ProblemError('FORBIDDEN', `${field}: ${message}`, [{ field, message }]);
}
