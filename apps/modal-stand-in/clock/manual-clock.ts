import type { Clock, Timer } from './clock.js';

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is told to move: rules can be tested to the millisecond. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #entries = new Set<Entry>();

  now(): number {
    return this.#nowMs;
  }

  /** Callbacks that wait for their time. */
  get pending(): number {
    return this.#entries.size;
  }

  wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const entry: Entry = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, callback };
    this.#order += 1;
    this.#entries.add(entry);
    return { cancel: () => void this.#entries.delete(entry) };
  }

  /** Runs everything due within the next `seconds`, in order, each at its own time. */
  advance(seconds: number): void {
    const untilMs = this.#nowMs + seconds * 1000;
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#entries.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.dueMs > untilMs) continue;
      const earlier =
        first === undefined ||
        entry.dueMs < first.dueMs ||
        (entry.dueMs === first.dueMs && entry.order < first.order);
      if (earlier) first = entry;
    }
    return first;
  }
}
