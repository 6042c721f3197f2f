import { constants } from 'node:os';
import { EXIT_SIGNAL } from '../exit-codes.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Told to stop while something is being waited for. The second time there is no waiting. */
export class Interruption {
  private readonly abort = new AbortController();
  private received: (typeof SIGNALS)[number] | undefined;
  private readonly onSignal = (signal: (typeof SIGNALS)[number]): void => {
    if (this.received !== undefined) process.exit(this.exitCode);
    this.received = signal;
    this.abort.abort(new Error(`interrupted by ${signal}`));
  };

  constructor(private readonly source: NodeJS.EventEmitter = process) {
    for (const signal of SIGNALS) source.on(signal, this.onSignal);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  /** 128 plus the signal's number. */
  get exitCode(): number {
    return EXIT_SIGNAL + constants.signals[this.received ?? 'SIGINT'];
  }

  end(): void {
    for (const signal of SIGNALS) this.source.off(signal, this.onSignal);
  }
}
