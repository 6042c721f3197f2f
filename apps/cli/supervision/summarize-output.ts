const LONGEST_SUMMARY_CHARS = 500;
const NOISE = [/^\s+at /, /^Node\.js v/, /^\s*[{}^]/, /^(node|file):/, /^\s*$/];

/**
 * Finds the one line that says why a process ended.
 * @param lines the last lines of its stderr: log lines in JSON, and plain ones
 * @returns `undefined` where it said nothing
 */
export function summarizeOutput(lines: readonly string[]): string | undefined {
  const said = lines.map(parse).filter((line) => line !== undefined);
  const [best] = [said.filter((line) => line.isError), said.filter((line) => line.isPlain), said]
    .map((candidates) => candidates.at(-1)?.text)
    .filter((text) => text !== undefined);
  return best === undefined || best.length <= LONGEST_SUMMARY_CHARS
    ? best
    : `${best.slice(0, LONGEST_SUMMARY_CHARS)}…`;
}

interface Line {
  readonly text: string;
  readonly isError: boolean;
  readonly isPlain: boolean;
}

function parse(line: string): Line | undefined {
  const logged = parseJson(line);
  if (logged === undefined) {
    if (NOISE.some((pattern) => pattern.test(line))) return undefined;
    return { text: line.trim(), isError: /error|^beacon/i.test(line), isPlain: true };
  }
  const { level, msg, err } = logged;
  const cause = typeof err === 'object' && err !== null && 'message' in err ? String(err.message) : undefined;
  const text = [msg, cause].filter((part) => typeof part === 'string' && part !== '').join(': ');
  return { text, isError: level === 'error' || level === 'fatal', isPlain: false };
}

function parseJson(line: string): { level?: unknown; msg?: unknown; err?: unknown } | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
