import type { AnswerOf } from '#router-client';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useClient } from '../client/client-context.js';
import { answered } from '../client/router-problem.js';
import type { Self } from '../session/roles.js';

/** What runs may be asked of. */
export interface Deployment {
  readonly regions: readonly string[];
  readonly models: readonly string[];
  /** @returns whether an endpoint of the region serves the model */
  serves(model: string, region: string): boolean;
}

/** Models and regions that are served, as far as a key may use them. */
export function deploymentOf(
  { regions }: Pick<AnswerOf<'/queue/status', 'get'>, 'regions'>,
  limits: Pick<Self['limits'], 'models' | 'regions'>,
): Deployment {
  const queues: Readonly<Record<string, { readonly models: Readonly<Record<string, unknown>> }>> = regions;
  const allowed = Object.entries(queues).filter(([region]) => limits.regions?.includes(region) ?? true);
  const models = new Set(allowed.flatMap(([, queue]) => Object.keys(queue.models)));
  return {
    regions: allowed.map(([region]) => region),
    models: [...models].filter((model) => limits.models?.includes(model) ?? true).sort(),
    serves: (model, region) => Object.hasOwn(queues[region]?.models ?? {}, model),
  };
}

/** Deployments change seldom; the quote says what is not served any more. */
const STALE_MS = 60_000;

export function useDeployment(limits: Self['limits']): UseQueryResult<Deployment> {
  const client = useClient();
  return useQuery({
    queryKey: ['deployment'],
    queryFn: ({ signal }) => answered(client.GET('/queue/status', { signal })),
    select: (status) => deploymentOf(status, limits),
    staleTime: STALE_MS,
  });
}
