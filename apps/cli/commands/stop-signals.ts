import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

/**
 * Ctrl-C under `npm start` arrives twice, from the terminal and from npm: what follows the first signal so closely
 * is its echo and nobody's impatience.
 */
const ECHO_MS = 500;

/** Tells the first request to stop from a second, impatient one. */
export class StopSignals {
  /** Resolves with the first signal. */
  readonly received: Promise<StopSignal>;
  readonly receivedAgain: Promise<StopSignal>;
  private readonly abort = new AbortController();
  private second: StopSignal | undefined;

  constructor(source: NodeJS.EventEmitter = process, now: () => number = () => performance.now()) {
    let resolveFirst: (signal: StopSignal) => void = () => undefined;
    let resolveSecond: (signal: StopSignal) => void = () => undefined;
    this.received = new Promise((resolve) => (resolveFirst = resolve));
    this.receivedAgain = new Promise((resolve) => (resolveSecond = resolve));
    let firstAt: number | undefined;
    const onSignal = (signal: StopSignal): void => {
      if (firstAt === undefined) {
        firstAt = now();
        this.abort.abort(new Error(`stopped by ${signal}`));
        resolveFirst(signal);
      } else if (now() - firstAt >= ECHO_MS) {
        this.second ??= signal;
        resolveSecond(signal);
      }
    };
    for (const signal of SIGNALS) source.on(signal, () => onSignal(signal));
  }

  /** Aborted by the first signal. */
  get first(): AbortSignal {
    return this.abort.signal;
  }

  /** The number of the second signal, where there was one. */
  get secondNumber(): number | undefined {
    return this.second === undefined ? undefined : constants.signals[this.second];
  }
}
