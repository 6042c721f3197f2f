export interface Style {
  readonly bold: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  /** For what stands out from the text around it. */
  readonly marked: (text: string) => string;
}

const as =
  (code: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001b[${code}m${text}\u001b[0m`;
const asIs = (text: string): string => text;

export const TERMINAL_STYLE: Style = { bold: as(1), faint: as(2), good: as(32), bad: as(31), marked: as(33) };
/** Not one control sequence: for files, pipes and NO_COLOR. */
export const PLAIN_STYLE: Style = { bold: asIs, faint: asIs, good: asIs, bad: asIs, marked: asIs };
