import { traitsOf, type Breaker, type EndpointRecord } from '#domain';
import type { Logger, Metrics } from '#observability';

/** A breaker that moved. */
export interface BreakerChange {
  readonly endpointId: string;
  readonly from: Breaker;
  readonly to: Breaker;
  readonly record: EndpointRecord;
}

export function breakerChanges(
  before: ReadonlyMap<string, { readonly record: EndpointRecord }>,
  after: ReadonlyMap<string, EndpointRecord>,
): BreakerChange[] {
  return [...after].flatMap(([endpointId, record]) => {
    const from = before.get(endpointId)?.record.breaker ?? 'closed';
    return from === record.breaker ? [] : [{ endpointId, from, to: record.breaker, record }];
  });
}

/**
 * One log line and one count for a breaker that moved. A cause that no waiting mends (credentials, a stopped app, a
 * spent budget) is an error: somebody has to act.
 */
export function recordBreakerChange(
  { endpointId, from, to, record }: BreakerChange,
  metrics: Metrics,
  logger: Logger,
): void {
  metrics.count('beacon_breaker_transitions_total', { endpoint: endpointId, to });
  const code = record.lastErrorCode;
  const fields = { event: 'endpoint.breaker', endpoint_id: endpointId, from, to, code };
  if (to !== 'open') logger.info(fields, 'a breaker moved');
  else if (code !== null && traitsOf(code).conclusive === true)
    logger.error(fields, 'an endpoint does not serve until somebody acts');
  else logger.warn(fields, 'a breaker opened');
}
