import type { Outcome } from '../simulation/simulation-event.js';

/** What is counted for one endpoint, and once more for all of them together. */
export class Tally {
  received = 0;
  accepted = 0;
  refused = 0;
  finished = 0;
  cancelled = 0;
  inFlight = 0;
  maxInFlight = 0;
  running = 0;
  maxRunning = 0;
  overlaps = 0;
  coldStarts = 0;
  redirects = 0;
  resultRequests = 0;
  hangUps = 0;
  reruns = 0;
  spawned = 0;
  spawnRepeats = 0;
  polls = 0;
  outcomes: Record<string, number> = {};

  /** @param concurrency calls in flight above this are overlaps; `undefined`: not judged */
  constructor(private readonly concurrency: number | undefined) {}

  callAccepted(isSpawned: boolean): void {
    if (isSpawned) this.spawned += 1;
    this.received += 1;
    this.accepted += 1;
    if (this.concurrency !== undefined && this.inFlight >= this.concurrency) this.overlaps += 1;
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
  }

  callRefused(outcome: Outcome): void {
    this.received += 1;
    this.refused += 1;
    this.#count(outcome);
  }

  callStarted(): void {
    this.running += 1;
    this.maxRunning = Math.max(this.maxRunning, this.running);
  }

  callReturned(): void {
    this.running -= 1;
    this.reruns += 1;
  }

  callFinished(outcome: Outcome, wasRunning: boolean): void {
    this.finished += 1;
    this.inFlight -= 1;
    if (wasRunning) this.running -= 1;
    if (outcome === 'cancelled') this.cancelled += 1;
    this.#count(outcome);
  }

  /** @returns a fresh tally that still knows what is in flight */
  restarted(): Tally {
    const fresh = new Tally(this.concurrency);
    fresh.inFlight = this.inFlight;
    fresh.maxInFlight = this.inFlight;
    fresh.running = this.running;
    fresh.maxRunning = this.running;
    return fresh;
  }

  toJson(): Record<string, unknown> {
    return {
      calls_received: this.received,
      calls_accepted: this.accepted,
      calls_refused: this.refused,
      calls_finished: this.finished,
      cancelled: this.cancelled,
      outcomes: this.outcomes,
      in_flight: this.inFlight,
      max_in_flight: this.maxInFlight,
      running: this.running,
      max_running: this.maxRunning,
      overlaps: this.overlaps,
      cold_starts: this.coldStarts,
      redirects_303: this.redirects,
      result_requests: this.resultRequests,
      hang_ups: this.hangUps,
      reruns: this.reruns,
      jobs_spawned: this.spawned,
      spawn_repeats: this.spawnRepeats,
      polls: this.polls,
    };
  }

  #count(outcome: Outcome): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
  }
}
