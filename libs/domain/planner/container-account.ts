import {
  ContainerTimeline,
  type Interval,
  type IntervalState,
  type OpenInterval,
  type Rounds,
} from './container-timeline.js';

/** Container time of one endpoint. */
export interface ContainerTotals {
  coldMs: number;
  busyMs: number;
  idleMs: number;
  coldStarts: number;
}

interface Container extends ContainerTotals {
  readonly windowMs: number;
  /** Whether a container that this run used may still be there. */
  isOpen: boolean;
  busyCalls: number;
  busySinceMs: number;
  idleSinceMs: number;
  readonly timeline: ContainerTimeline;
  /** The busy interval that goes on. */
  busy: OpenInterval | undefined;
}

/** How the account stood at a moment at which no call was under way. */
export interface AccountMark {
  readonly totals: readonly ContainerTotals[];
  /** By endpoint: a position in its timeline. */
  readonly positions: readonly number[];
}

/**
 * Adds up for what the run's containers hold their GPUs: warming, busy (one call or several), and idle up to the end
 * of the scale-down window. A container that was warm before counts from its first call of the run.
 */
export class ContainerAccount {
  private readonly containers: Container[];
  /** Until then timelines are whole; after it nothing is told. */
  toldUntilMs = Number.POSITIVE_INFINITY;

  /**
   * @param windowsMs by endpoint: how long its container idles before it is gone
   * @param hasTimelines whether anybody will ask for more than the totals
   */
  constructor(
    windowsMs: readonly number[],
    private readonly hasTimelines = true,
  ) {
    this.containers = windowsMs.map((windowMs) => ({
      windowMs,
      ...{ isOpen: false, busyCalls: 0, busySinceMs: 0, idleSinceMs: 0 },
      ...{ coldMs: 0, busyMs: 0, idleMs: 0, coldStarts: 0 },
      timeline: new ContainerTimeline(),
      busy: undefined,
    }));
  }

  /** @param coldStarts of how many the cells of this call make use, and how long they take; null: it is warm */
  begin(
    endpoint: number,
    nowMs: number,
    coldStarts: { readonly count: number; readonly ms: number } | null,
    fromQuestion: number,
    toQuestion: number,
  ): void {
    const container = this.of(endpoint);
    let busyFromMs = nowMs;
    if (coldStarts !== null) {
      this.close(container, nowMs);
      container.coldStarts += coldStarts.count;
      container.coldMs += coldStarts.ms;
      busyFromMs += coldStarts.ms;
      this.note(container, 'warming', nowMs, busyFromMs);
    } else if (container.isOpen && container.busyCalls === 0) {
      this.idle(container, nowMs);
    }
    container.isOpen = true;
    if (container.busyCalls === 0) container.busySinceMs = busyFromMs;
    container.busyCalls += 1;
    const { busy } = container;
    const isSame = busy?.fromQuestion === fromQuestion && busy.toQuestion === toQuestion;
    if (busy !== undefined && (container.busyCalls > 1 || (isSame && busy.toMs === busyFromMs))) {
      busy.fromQuestion = Math.min(busy.fromQuestion, fromQuestion);
      busy.toQuestion = Math.max(busy.toQuestion, toQuestion);
    } else {
      container.busy = this.note(container, 'busy', busyFromMs, busyFromMs, fromQuestion, toQuestion);
    }
  }

  end(endpoint: number, nowMs: number): void {
    const container = this.of(endpoint);
    container.busyCalls -= 1;
    container.idleSinceMs = nowMs;
    const { busy, busyCalls, busySinceMs } = container;
    if (busy !== undefined) busy.toMs = nowMs;
    if (busyCalls === 0) container.busyMs += nowMs - busySinceMs;
  }

  /** Books the idle tails that are over, so that what is left depends on the future alone. */
  closeExpired(nowMs: number): void {
    for (const container of this.containers) {
      const endsMs = container.idleSinceMs + container.windowMs;
      if (container.isOpen && container.busyCalls === 0 && endsMs <= nowMs) this.close(container, endsMs);
    }
  }

  /** Its idle container is gone before its window is over. */
  release(endpoint: number, nowMs: number): void {
    this.close(this.of(endpoint), nowMs);
  }

  /** No call follows: every container idles for its window. */
  closeAll(): void {
    this.closeExpired(Number.POSITIVE_INFINITY);
  }

  /** What the next call's idle time depends on: how long the endpoint's container has been idle. */
  idleForMs(endpoint: number, nowMs: number): number {
    const { isOpen, idleSinceMs } = this.of(endpoint);
    return isOpen ? nowMs - idleSinceMs : -1;
  }

  totals(): ContainerTotals[] {
    return this.containers.map(({ coldMs, busyMs, idleMs, coldStarts }) => ({
      ...{ coldMs, busyMs, idleMs, coldStarts },
    }));
  }

  mark(): AccountMark {
    return { totals: this.totals(), positions: this.containers.map(({ timeline }) => timeline.length) };
  }

  /** Time passes in which what has been booked since `mark` happens over again, a whole number of times. */
  repeat(mark: AccountMark, rounds: Rounds): void {
    for (const [endpoint, { timeline }] of this.containers.entries())
      timeline.repeat(mark.positions[endpoint] ?? timeline.length, rounds);
    this.addSince(mark, rounds.times, rounds.passedMs * rounds.times);
  }

  /** Time passes of which nothing is known but that it is like what has been booked since `mark`. */
  extrapolate(mark: AccountMark, times: number, nowMs: number, passedMs: number): void {
    this.toldUntilMs = Math.min(this.toldUntilMs, nowMs);
    for (const container of this.containers) {
      const { isOpen, idleSinceMs, windowMs } = container;
      if (isOpen) this.note(container, 'idle', idleSinceMs, Math.min(nowMs, idleSinceMs + windowMs));
    }
    this.addSince(mark, times, passedMs);
  }

  timeline(endpoint: number): Iterable<Interval> {
    return this.of(endpoint).timeline;
  }

  private addSince({ totals }: AccountMark, times: number, passedMs: number): void {
    for (const [endpoint, container] of this.containers.entries()) {
      const before = totals[endpoint];
      if (before === undefined) continue;
      container.coldMs += (container.coldMs - before.coldMs) * times;
      container.busyMs += (container.busyMs - before.busyMs) * times;
      container.idleMs += (container.idleMs - before.idleMs) * times;
      container.coldStarts += Math.round((container.coldStarts - before.coldStarts) * times);
      container.idleSinceMs += passedMs;
      container.busy = undefined;
    }
  }

  private close(container: Container, nowMs: number): void {
    if (!container.isOpen) return;
    this.idle(container, Math.min(nowMs, container.idleSinceMs + container.windowMs));
    container.isOpen = false;
  }

  private idle(container: Container, untilMs: number): void {
    if (untilMs <= container.idleSinceMs) return;
    container.idleMs += untilMs - container.idleSinceMs;
    this.note(container, 'idle', container.idleSinceMs, untilMs);
  }

  private note(
    { timeline }: Container,
    state: IntervalState,
    fromMs: number,
    toMs: number,
    fromQuestion = 0,
    toQuestion = 0,
  ): OpenInterval | undefined {
    if (!this.hasTimelines) return undefined;
    return timeline.add({ state, fromMs, toMs, fromQuestion, toQuestion });
  }

  private of(endpoint: number): Container {
    const container = this.containers[endpoint];
    if (container === undefined) throw new RangeError(`there is no endpoint ${endpoint}`);
    return container;
  }
}
