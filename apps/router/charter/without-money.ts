/** Fields of the internal views that say what something costs. */
const MONEY: ReadonlySet<string> = new Set(['estimated_cost_usd', 'cost_usd', 'spent_usd', 'committed_usd']);

/** The same document for whoever operates Beacon and is not shown costs: they are null. */
export function withoutMoney(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMoney);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, MONEY.has(name) ? null : withoutMoney(member)]),
  );
}
