export type CsvValue = string | number | boolean | null;

export function csvHeader(columns: readonly string[]): string {
  return `${columns.join(',')}\r\n`;
}

/** RFC 4180. A column that the row does not have is empty. */
export function csvRow<Column extends string>(
  row: Readonly<Partial<Record<Column, CsvValue | undefined>>>,
  columns: readonly Column[],
): string {
  return `${columns.map((column) => csvField(row[column] ?? null)).join(',')}\r\n`;
}

/**
 * A text that a spreadsheet would take for a formula gets an apostrophe in front: what others wrote must not be able to run
 * anything on the reader's machine. For exact texts there are the other formats.
 */
function csvField(value: CsvValue): string {
  if (value === null) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}
