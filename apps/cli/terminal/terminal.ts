import { PLAIN_STYLE, TERMINAL_STYLE, type Style } from './style.js';

const DEFAULT_WIDTH = 100;
const DEFAULT_HEIGHT = 40;

/** What stdout is, as far as views need to know. */
export interface Terminal {
  /** Whether lines can be drawn over: not in a pipe, a file or a dumb terminal. */
  readonly redraws: boolean;
  readonly width: number;
  /** How wide a table may be: Infinity in a pipe or a file, where whoever reads has room. */
  readonly room: number;
  readonly height: number;
  readonly style: Style;
}

export function terminalOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number } = process.stdout,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Terminal {
  const { NO_COLOR: noColor = '', TERM: name, COLUMNS: columns } = environment;
  const redraws = stream.isTTY === true && name !== 'dumb';
  const width = stream.columns || Number(columns) || DEFAULT_WIDTH;
  return {
    redraws,
    width,
    room: stream.isTTY === true ? width : Infinity,
    height: stream.rows || DEFAULT_HEIGHT,
    style: redraws && noColor === '' ? TERMINAL_STYLE : PLAIN_STYLE,
  };
}
