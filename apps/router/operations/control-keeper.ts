import { controlEventSchema, subjects } from '#contracts';
import { subscribeJson, type NatsConnection } from '#messaging';
import type { Logger } from '#observability';
import type { Database } from '#persistence';
import type { Endpoints } from '../engine/endpoints.js';
import type { Engine } from '../engine/engine.js';
import type { ControlDesk } from './control-desk.js';
import type { InForce } from './in-force.js';
import type { WakeUps } from './wake-ups.js';

/** A hint that was lost costs so much, and what has had its time ends that late at most. */
const POLL_MS = 500;

export interface ControlKeeperParts {
  readonly database: Database;
  readonly connection: NatsConnection;
  readonly endpoints: Endpoints;
  readonly inForce: InForce;
  readonly engine: Pick<Engine, 'poke'>;
  readonly desk: ControlDesk;
  readonly wakeUps: WakeUps;
  readonly logger: Logger;
}

/**
 * Keeps a router to what is in force, whichever router it was asked of: reads it when told and twice a second, ends what
 * has had its time, asks again for tickets that a paused endpoint still has, wakes what is to be warm. Runs in every
 * router; each step is safe to repeat.
 */
export class ControlKeeper {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly parts: ControlKeeperParts) {}

  start(): void {
    subscribeJson(this.parts.connection, subjects.CONTROL_EVENTS, controlEventSchema, () => this.look());
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), POLL_MS);
  }

  private look(): void {
    if (this.stopped || this.running !== undefined) return;
    clearTimeout(this.timer);
    this.running = this.tick()
      .catch((error: unknown) => {
        this.parts.logger.warn(
          { event: 'control.step_failed', err: error },
          'what is in force could not be looked at, and will be again',
        );
      })
      .finally(() => {
        this.running = undefined;
        this.schedule();
      });
  }

  private async tick(): Promise<void> {
    const { database, endpoints, inForce, engine, desk, wakeUps } = this.parts;
    const { changed, isDue } = await inForce.refresh(database);
    if (changed) engine.poke();
    if (isDue) await desk.endDue();
    const paused = endpoints.specs.filter((spec) => inForce.ordersFor(spec).pauses.length > 0);
    await desk.takeBack(paused.map(({ id }) => id));
    await wakeUps.wake();
  }
}
