const ELLIPSIS = '…';

/** Answers come from models: nothing in them may move the cursor or start a line. */
export function printable(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** @returns at most `width` characters, the last one an ellipsis where something is left out */
export function ellipsize(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width
    ? text
    : `${characters.slice(0, Math.max(0, width - 1)).join('')}${ELLIPSIS}`;
}

/**
 * Breaks between words, and inside a word only where it is longer than a line.
 * @param linesMax what does not fit is left out, which an ellipsis shows
 */
export function wrap(text: string, width: number, linesMax = Infinity): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(' ')) {
    let rest = word;
    if (line !== '' && line.length + 1 + rest.length <= width) {
      line = `${line} ${rest}`;
      continue;
    }
    if (line !== '') lines.push(line);
    while (rest.length > width) {
      lines.push(rest.slice(0, width));
      rest = rest.slice(width);
    }
    line = rest;
  }
  lines.push(line);
  if (lines.length <= linesMax) return lines;
  const kept = lines.slice(0, linesMax);
  const last = kept.pop() ?? '';
  return [...kept, ellipsize(`${last} ${ELLIPSIS}`, width).replace(/ …$/, ` ${ELLIPSIS}`)];
}

export interface Column {
  readonly title: string;
  readonly width: number;
  readonly align?: 'left' | 'right';
}

export const SEPARATOR = ' │ ';

/** Rows of wrapped cells under a header. Where one of them is higher than a line, space keeps them apart. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  linesMax = Infinity,
): string[] {
  const rule = columns.map(({ width }) => '─'.repeat(width)).join('─┼─');
  const blocks = rows.map((row) => tableRow(columns, row, linesMax));
  const space = blocks.some(({ length }) => length > 1) ? [joinCells(columns, [])] : [];
  return [
    joinCells(
      columns,
      columns.map(({ title, width }) => ellipsize(title, width)),
    ),
    rule,
    ...blocks.flatMap((block, index) => (index === 0 ? block : [...space, ...block])),
  ];
}

function tableRow(columns: readonly Column[], row: readonly string[], linesMax: number): string[] {
  const cells = columns.map(({ width }, index) => wrap(row[index] ?? '', width, linesMax));
  const height = Math.max(...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) =>
    joinCells(
      columns,
      cells.map((lines) => lines[line] ?? ''),
    ),
  );
}

function joinCells(columns: readonly Column[], texts: readonly string[]): string {
  return columns
    .map(({ width, align }, index) => {
      const text = texts[index] ?? '';
      return align === 'right' ? text.padStart(width) : text.padEnd(width);
    })
    .join(SEPARATOR)
    .trimEnd();
}

/** As wide as its widest text: for columns that are never wrapped. */
export function widthOf(title: string, texts: readonly string[]): number {
  return Math.max(title.length, ...texts.map(({ length }) => length));
}
