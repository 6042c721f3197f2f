import type { Configuration } from '#config';
import { billingOf, priceTableOf, pricesAt, type Billing, type Prices } from '#domain';

/** Who is paid for an endpoint's calls, and for what. */
export interface PaidEndpoint {
  readonly region: string;
  readonly billing: Billing;
  readonly gpu: string;
  /** `modal`, or the host of an OpenAI-compatible upstream. */
  readonly provider: string;
}

/** What the configuration says of prices. */
export interface LedgerPricing {
  /** @returns the prices in force at a time, Unix ms */
  pricesAt(atMs: number): Prices;
  /** @returns `undefined` for an endpoint that is not configured any more */
  endpoint(endpointId: string): PaidEndpoint | undefined;
}

export function ledgerPricingOf({ prices, endpoints }: Configuration): LedgerPricing {
  const table = priceTableOf(prices);
  const paid = new Map(
    endpoints.map((endpoint): [string, PaidEndpoint] => [
      endpoint.id,
      {
        region: endpoint.region,
        billing: billingOf(endpoint),
        gpu: endpoint.gpu,
        provider: endpoint.protocol === 'openai' ? new URL(endpoint.url).hostname : 'modal',
      },
    ]),
  );
  return { pricesAt: (atMs) => pricesAt(table, atMs), endpoint: (id) => paid.get(id) };
}
