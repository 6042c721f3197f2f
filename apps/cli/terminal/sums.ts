/** USD to the millionth, in which calls are counted; two digits at least. A smaller bound keeps two that say something. */
export function usd(amount: number): string {
  if (amount > 0 && amount < 1e-6)
    return amount.toLocaleString('en-US', { maximumSignificantDigits: 2, useGrouping: false });
  return amount.toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1');
}

/** What was estimated: two digits that say something, however small it is. */
export function aboutUsd(amount: number): string {
  return amount < 0.1 ? usd(Number(amount.toPrecision(2))) : amount.toFixed(2);
}

/** Whole seconds, but for the first ten. */
export function gpuSeconds(amount: number): string {
  return amount < 10 ? String(Number(amount.toFixed(2))) : amount.toFixed(0);
}
