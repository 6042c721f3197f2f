/** How much of a budget is used, in bands: a closed set, where one label for each key or run would have no bound. */
export const BUDGET_BANDS = ['below_80', 'from_80', 'used_up'] as const;
export type BudgetBand = (typeof BUDGET_BANDS)[number];

/** From this share on somebody may want to know. */
const BUDGET_NEAR = 0.8;

/** @param share of the budget; 1 is all of it */
export function budgetBand(share: number): BudgetBand {
  if (share >= 1) return 'used_up';
  return share >= BUDGET_NEAR ? 'from_80' : 'below_80';
}

/**
 * The larger of the shares of what a run may take.
 * @param spent `usd` null: nobody knows what its calls cost
 * @returns undefined: it has no bound that can be compared
 */
export function shareOfBudget(
  spent: { readonly gpuMs: number; readonly usd: number | null },
  budget: { readonly usd: number | null; readonly gpuSeconds: number | null },
): number | undefined {
  const shares = [
    budget.usd === null || spent.usd === null ? undefined : spent.usd / Math.max(budget.usd, Number.EPSILON),
    budget.gpuSeconds === null ? undefined : spent.gpuMs / 1000 / Math.max(budget.gpuSeconds, Number.EPSILON),
  ].filter((share) => share !== undefined);
  return shares.length === 0 ? undefined : Math.max(...shares);
}
