/** One step of a guide, in the order in which a reader takes it. */
export type Step = (
  | { readonly kind: 'run'; readonly text: string }
  | { readonly kind: 'save'; readonly file: string; readonly text: string }
  /** What the step before it has printed; `…` stands for anything. */
  | { readonly kind: 'expect'; readonly text: string }
) & {
  /** Of the first line inside the fence, from 1. */
  readonly line: number;
};

const FENCE = /^(`{3,})\s*(\S*)/;
/** "Save this as `post-job.py`:" */
const FILE = /\bas `([^`]+)`[^`]*:\s*$/;

/**
 * Reads what a guide tells its reader to do: `sh` blocks are run, `text` blocks are what was printed, and any other block
 * is a file, named by the line before it.
 * @throws Error for a block that a reader could do nothing with
 */
export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  let lead = '';
  let open: { fence: string; language: string; line: number; text: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (open === undefined) {
      const [, fence, language] = FENCE.exec(line) ?? [];
      if (fence !== undefined) open = { fence, language: language ?? '', line: index + 2, text: [] };
      else if (line.trim() !== '') lead = line;
    } else if (line.trim() === open.fence) {
      steps.push(stepOf(open.language, open.text.join('\n'), open.line, lead));
      open = undefined;
      lead = '';
    } else open.text.push(line);
  }
  if (open !== undefined) throw new Error(`line ${open.line}: a block without an end`);
  return steps;
}

function stepOf(language: string, text: string, line: number, lead: string): Step {
  if (language === 'sh') return { kind: 'run', text, line };
  if (language === 'text') return { kind: 'expect', text, line };
  const file = FILE.exec(lead)?.[1];
  if (file === undefined) throw new Error(`line ${line}: neither run, nor printed, nor saved as a file`);
  return { kind: 'save', file, text: `${text}\n`, line };
}

/** Whether `printed` has the lines of `expected`, in their order, with anything between them. */
export function hasPrinted(printed: string, expected: string): boolean {
  const lines = printed.split('\n');
  let at = 0;
  for (const wanted of expected.split('\n').filter((line) => line.trim() !== '')) {
    const pattern = new RegExp(
      `^\\s*${wanted
        .trim()
        .split('…')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'))
        .join('.*')}\\s*$`,
    );
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line));
    if (found < 0) return false;
    at = found + 1;
  }
  return true;
}
