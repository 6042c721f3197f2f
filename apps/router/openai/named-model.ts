import { ProblemError, noRegion, readModelName, type NamedModel } from '#contracts';
import type { KeyLimits } from '#domain';
import type { Endpoints } from '../engine/endpoints.js';

/** What names are held against. */
export type Deployed = Pick<Endpoints, 'models' | 'regions' | 'resolveRegion'>;

/**
 * What a caller's name of a model asks for. A name that Beacon knows in no form is read as a whole: intake refuses it.
 * @throws ProblemError UNKNOWN_MODEL where a model that the key may ask is pinned to what is no region
 */
export function namedModel(name: string, deployed: Deployed, limits: KeyLimits): NamedModel {
  const named = readModelName(name, {
    models: deployed.models,
    resolveRegion: (text) => deployed.resolveRegion(text),
  });
  const at = name.lastIndexOf('@');
  const model = name.slice(0, Math.max(at, 0));
  const isPinnedNowhere = named.model === name && !deployed.models.has(name) && deployed.models.has(model);
  if (!isPinnedNowhere || !(limits.models?.includes(model) ?? true)) return named;
  const message = `${noRegion(name.slice(at + 1, at + 65))}; regions: ${(limits.regions ?? deployed.regions).join(', ')}`;
  throw new ProblemError('UNKNOWN_MODEL', `model: ${message}`, [{ field: 'model', message }]);
}
