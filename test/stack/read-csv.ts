/** Reads RFC 4180 as a spreadsheet would. @returns one object per row, by the names in the first line */
export function readCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  // A field, quoted or not, and what ends it.
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
    if (end === '') break;
  }
  const [names = [], ...lines] = rows;
  return lines
    .filter((line) => line.length === names.length)
    .map((line) => Object.fromEntries(names.map((name, index) => [name, line[index] ?? ''])));
}
