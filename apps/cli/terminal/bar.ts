/** @returns exactly `width` characters, filled in proportion; full only when everything is done */
export function bar(done: number, total: number, width: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = share === 1 ? width : Math.min(width - 1, Math.floor(share * width));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
