import { ellipsize, printable, SEPARATOR, table, widthOf, type Column } from './text-table.js';

/** `-` before a title: its column stands to the right. */
export type SheetTitle = string;

/** How a table gets narrower: by leaving a column out, or by cutting its texts, never to less than `to` characters. */
export type SheetStep = { readonly drop: string } | { readonly shorten: string; readonly to: number };

export interface SheetFit {
  /** How wide it may be; Infinity in a pipe. */
  readonly room: number;
  /** What is given up first comes first; as many as are needed. */
  readonly steps: readonly SheetStep[];
}

interface SheetColumn extends Column {
  readonly texts: readonly string[];
}

/** A table as wide as what is in it, no cell wrapped; where it is to fit, what matters least is shortened or left out. */
export function sheet(
  titles: readonly SheetTitle[],
  rows: readonly (readonly string[])[],
  { room, steps }: SheetFit = { room: Infinity, steps: [] },
): string[] {
  const shown = rows.map((row) => row.map(printable));
  let columns = titles.map((title, index): SheetColumn => {
    const isRight = title.startsWith('-');
    const name = isRight ? title.slice(1) : title;
    const texts = shown.map((row) => row[index] ?? '');
    return { title: name, width: widthOf(name, texts), align: isRight ? 'right' : 'left', texts };
  });
  for (const step of steps) {
    const excess = widthOfAll(columns) - room;
    if (excess <= 0) break;
    columns =
      'drop' in step
        ? columns.filter(({ title }) => title !== step.drop)
        : columns.map((column) =>
            column.title === step.shorten
              ? { ...column, width: Math.min(column.width, Math.max(step.to, column.width - excess)) }
              : column,
          );
  }
  return table(
    columns,
    rows.map((_, row) => columns.map(({ texts, width }) => ellipsize(texts[row] ?? '', width))),
  );
}

function widthOfAll(columns: readonly Column[]): number {
  return columns.reduce((sum, { width }) => sum + width, SEPARATOR.length * (columns.length - 1));
}
