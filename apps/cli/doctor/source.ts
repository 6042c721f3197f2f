import { LineCounter, isMap, isScalar, isSeq, parseDocument, type Document } from 'yaml';
import type { Place } from './finding.js';

export type Path = readonly PropertyKey[];

/** A configuration file: what it stands for, and on which line each key of it is. */
export class Source {
  readonly faults: readonly { readonly message: string; readonly line: number }[];
  private readonly lines = new LineCounter();
  private readonly parsed: Document.Parsed;

  constructor(
    private readonly file: string,
    text: string,
  ) {
    this.parsed = parseDocument(text, { lineCounter: this.lines, prettyErrors: false });
    this.faults = this.parsed.errors.map(({ message, pos }) => ({
      message,
      line: this.lines.linePos(pos[0]).line,
    }));
  }

  get value(): unknown {
    return this.parsed.toJS() as unknown;
  }

  /** The line of the key itself, or of the nearest one around it that is there. */
  at(path: Path): Place {
    let node: unknown = this.parsed.contents;
    let offset: number | undefined;
    for (const part of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (pair === undefined) break;
        offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
        node = pair.value;
      } else if (isSeq(node) && typeof part === 'number') {
        const item = node.items[part];
        if (item === undefined) break;
        offset = (item as { range?: readonly number[] | null }).range?.[0] ?? offset;
        node = item;
      } else break;
    }
    return {
      file: this.file,
      ...(path.length === 0 ? {} : { key: keyText(path) }),
      ...(offset === undefined ? {} : { line: this.lines.linePos(offset).line }),
    };
  }
}

function keyText(path: Path): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
    )
    .join('');
}
