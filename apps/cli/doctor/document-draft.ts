import type { Path } from './source.js';

/** No configuration is nested as deeply; a document that holds itself would be without end. */
const DEPTH_MAX = 20;

/**
 * A document from which what is wrong is taken out, so that the rest can be judged. It knows where in the file each
 * entry of its lists stands.
 */
export class DocumentDraft {
  private readonly document: unknown;
  /** By list: where its entries stand in the file. */
  private readonly origins = new WeakMap<unknown[], number[]>();

  constructor(document: unknown) {
    this.document = this.copyOf(document, 0);
  }

  get value(): unknown {
    return this.document;
  }

  /** @returns undefined: nothing is there */
  valueAt(path: Path): unknown {
    return valueIn(this.document, path);
  }

  /** Where in the file that stands which is at this path of the draft. */
  asWritten(path: Path): Path {
    let at = this.document;
    return path.map((part) => {
      const written =
        Array.isArray(at) && typeof part === 'number' ? (this.origins.get(at)?.[part] ?? part) : part;
      at = childOf(at, part);
      return written;
    });
  }

  /** Puts a value there; the objects around it are made where they are missing. */
  put(path: Path, value: unknown): void {
    let at = this.document;
    for (const part of path.slice(0, -1)) {
      if (childOf(at, part) === undefined) setChild(at, part, {});
      at = childOf(at, part);
    }
    setChild(at, path.at(-1) ?? '', value);
  }

  /** All at once, for what is taken out of a list moves what comes after it. */
  takeOut(paths: readonly Path[]): void {
    const lastFirst = [...paths].sort((left, right) => -compare(left, right));
    for (const path of lastFirst) {
      const around = this.valueAt(path.slice(0, -1));
      const last = path.at(-1) ?? '';
      if (Array.isArray(around)) {
        around.splice(Number(last), 1);
        this.origins.get(around)?.splice(Number(last), 1);
      } else if (typeof around === 'object' && around !== null) {
        delete (around as Record<PropertyKey, unknown>)[last];
      }
    }
  }

  /** Of values that the file names twice by an anchor, each has its own. */
  private copyOf(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (depth === DEPTH_MAX) return null;
    if (!Array.isArray(value))
      return Object.fromEntries(
        Object.entries(value).map(([key, each]) => [key, this.copyOf(each, depth + 1)]),
      );
    const list = value.map((each) => this.copyOf(each, depth + 1));
    this.origins.set(
      list,
      list.map((_, index) => index),
    );
    return list;
  }
}

/** @returns undefined: nothing is there */
export function valueIn(document: unknown, path: Path): unknown {
  return path.reduce(childOf, document);
}

function childOf(value: unknown, part: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, part)
    ? (value as Record<PropertyKey, unknown>)[part]
    : undefined;
}

function setChild(value: unknown, part: PropertyKey, child: unknown): void {
  if (typeof value === 'object' && value !== null) (value as Record<PropertyKey, unknown>)[part] = child;
}

function compare(left: Path, right: Path): number {
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    if (typeof part === 'number' && typeof other === 'number') return part - other;
    return String(part) < String(other) ? -1 : 1;
  }
  return left.length - right.length;
}
