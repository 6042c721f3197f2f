/** Simulated seconds of GPU time by what it was held for. */
export interface GpuTime {
  readonly coldStartS: number;
  readonly busyS: number;
  readonly idleS: number;
}

interface Held {
  readonly sinceMs: number;
  readyMs: number | undefined;
  /** Inputs it is working on. */
  running: number;
  busySinceMs: number;
  busyMs: number;
}

/** Rule 28: what containers cost from the grant of the GPU until they are gone. Times are simulated ms. */
export class GpuMeter {
  readonly #held = new Map<string, Held>();
  #coldStartMs = 0;
  #busyMs = 0;
  #idleMs = 0;
  #peak = 0;

  get now(): number {
    return this.#held.size;
  }

  get peak(): number {
    return this.#peak;
  }

  granted(containerId: string, nowMs: number): void {
    this.#held.set(containerId, {
      sinceMs: nowMs,
      readyMs: undefined,
      running: 0,
      busySinceMs: 0,
      busyMs: 0,
    });
    this.#peak = Math.max(this.#peak, this.#held.size);
  }

  ready(containerId: string, nowMs: number): void {
    const held = this.#held.get(containerId);
    if (held !== undefined) held.readyMs = nowMs;
  }

  inputStarted(containerId: string, nowMs: number): void {
    const held = this.#held.get(containerId);
    if (held === undefined) return;
    if (held.running === 0) held.busySinceMs = nowMs;
    held.running += 1;
  }

  inputEnded(containerId: string, nowMs: number): void {
    const held = this.#held.get(containerId);
    if (held === undefined || held.running === 0) return;
    held.running -= 1;
    if (held.running === 0) held.busyMs += nowMs - held.busySinceMs;
  }

  released(containerId: string, nowMs: number): void {
    const held = this.#held.get(containerId);
    if (held === undefined) return;
    this.#held.delete(containerId);
    const { coldStartMs, busyMs, idleMs } = split(held, nowMs);
    this.#coldStartMs += coldStartMs;
    this.#busyMs += busyMs;
    this.#idleMs += idleMs;
  }

  /** Live containers included up to now. */
  total(nowMs: number): GpuTime {
    let [coldStartMs, busyMs, idleMs] = [this.#coldStartMs, this.#busyMs, this.#idleMs];
    for (const held of this.#held.values()) {
      const time = split(held, nowMs);
      coldStartMs += time.coldStartMs;
      busyMs += time.busyMs;
      idleMs += time.idleMs;
    }
    return { coldStartS: coldStartMs / 1000, busyS: busyMs / 1000, idleS: idleMs / 1000 };
  }

  /** Starts again from now; what is held stays held. */
  reset(nowMs: number): void {
    [this.#coldStartMs, this.#busyMs, this.#idleMs] = [0, 0, 0];
    this.#peak = this.#held.size;
    for (const [containerId, held] of this.#held) {
      const readyMs = held.readyMs === undefined ? undefined : nowMs;
      this.#held.set(containerId, { ...held, sinceMs: nowMs, readyMs, busySinceMs: nowMs, busyMs: 0 });
    }
  }
}

function split(held: Held, nowMs: number): { coldStartMs: number; busyMs: number; idleMs: number } {
  const readyMs = held.readyMs ?? nowMs;
  const busyMs = held.busyMs + (held.running > 0 ? nowMs - held.busySinceMs : 0);
  return { coldStartMs: readyMs - held.sinceMs, busyMs, idleMs: nowMs - readyMs - busyMs };
}
