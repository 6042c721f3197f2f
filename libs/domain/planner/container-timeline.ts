export type IntervalState = 'warming' | 'busy' | 'idle';

/** What an endpoint's container does for a while. Virtual ms. */
export interface Interval {
  readonly state: IntervalState;
  readonly fromMs: number;
  readonly toMs: number;
  /** Numbers of the questions that are answered; 0 where none is. */
  readonly fromQuestion: number;
  readonly toQuestion: number;
}

/** An interval that may still grow. */
export type OpenInterval = { -readonly [Key in keyof Interval]: Interval[Key] };

/** What was simulated since an earlier moment happens so many `times` over again. */
export interface Rounds {
  readonly times: number;
  /** By which each is later than the one before. */
  readonly passedMs: number;
  readonly questions: number;
}

/**
 * What one container does, in order and without a hole. Rounds that repeat are kept once and read as often as they happen:
 * a run of 10,000 questions may be one question that is simulated, and 9,999 that are not.
 */
export class ContainerTimeline implements Iterable<Interval> {
  private readonly simulated: OpenInterval[] = [];
  private readonly repeated: (Rounds & { readonly from: number; readonly to: number })[] = [];

  /** A position to repeat from. */
  get length(): number {
    return this.simulated.length;
  }

  add(interval: OpenInterval): OpenInterval {
    this.simulated.push(interval);
    return interval;
  }

  /** @param from a `length` of earlier */
  repeat(from: number, rounds: Rounds): void {
    this.repeated.push({ ...rounds, from, to: this.length });
  }

  *[Symbol.iterator](): Iterator<Interval> {
    let next = 0;
    for (const { from, to, times, passedMs, questions } of this.repeated) {
      yield* this.simulated.slice(next, to);
      next = to;
      const round = this.simulated.slice(from, to);
      for (let time = 1; time <= times; time += 1)
        for (const interval of round) yield later(interval, time * passedMs, time * questions);
    }
    yield* this.simulated.slice(next);
  }
}

function later(interval: Interval, ms: number, questions: number): Interval {
  const { state, fromMs, toMs, fromQuestion, toQuestion } = interval;
  const isBusy = state === 'busy';
  return {
    state,
    fromMs: fromMs + ms,
    toMs: toMs + ms,
    fromQuestion: isBusy ? fromQuestion + questions : fromQuestion,
    toQuestion: isBusy ? toQuestion + questions : toQuestion,
  };
}
