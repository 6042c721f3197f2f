/** SQLSTATE's classes: data that does not fit, a rule that it breaks, or more of it than Postgres can hold. */
const REFUSED_ROW = /^(?:22|23|54)[0-9A-Z]{3}$/;

/** Whether Postgres refuses what was to be stored, and would again: one that is away, full or slow does not. */
export function isRefusedRow(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && REFUSED_ROW.test(code);
}
