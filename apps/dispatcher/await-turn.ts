import { setTimeout as delay } from 'node:timers/promises';
import { idsOf, isRedelivered } from './call-facts.js';
import type { Door } from './door.js';
import type { RegionEndpoint } from './region-endpoints.js';
import type { RunningCall } from './running-calls.js';
import { checkTicket } from './ticket-check.js';
import type { WorkerServices } from './worker-services.js';

/** A staged ticket that finds no call here to wait for asks the router, first often, then seldom. */
const FIRST_CHECK_DELAY_MS = 3;
const STAGED_RECHECK_MS = 500;

/**
 * What a ticket's waiting came to. `reported`: another holder has published its outcome. `superseded`: its job has a newer one,
 * whose holder tells of the attempt.
 */
export type Turn = 'begin' | 'unwanted' | 'reported' | 'superseded' | 'cancelled' | 'draining';

/**
 * A fresh ticket's call begins at once. A staged one waits for a call to end here, or for the router's word
 * where another dispatcher runs the call before it. A redelivered one begins on the router's word only: its earlier
 * holder may be at it still. So does one of which nobody knows how often it was delivered: somebody may have it at the same time,
 * who alone says how its call ends. So does one that has waited, here or on its way, while nobody was heard: it may have been
 * taken back. And nothing begins by a turn while the line is dead: the router would not hear that it has begun, and take it
 * back later.
 */
export async function awaitTurn(
  call: RunningCall,
  door: Door,
  endpoint: RegionEndpoint,
  services: WorkerServices,
  isDraining: () => boolean,
): Promise<Turn> {
  const { dispatcherId, connection, line, topology, calls, logger } = services;
  if (!isRedelivered(call) && !call.ticket.staged && !call.mustAsk) return 'begin';
  const mayBeginUnasked = (): boolean => !isRedelivered(call) && !calls.mustAsk(call);
  let delayMs = FIRST_CHECK_DELAY_MS;
  for (;;) {
    const mayBeHeld = call.delivery.count === undefined;
    // Whoever has it tells how its call ended.
    if (call.turn === 'given_back' || (call.abort.signal.aborted && !mayBeHeld)) return 'cancelled';
    if (isDraining()) return 'draining';
    // Its ticket may come back meanwhile, and be another's as well.
    const redelivered = isRedelivered(call);
    // While this process runs all the calls the endpoint takes, one of them will pass its turn.
    const full = calls.begunOn(endpoint.id) >= endpoint.concurrency;
    const asks = redelivered || calls.mustAsk(call);
    if (asks || !full) {
      const { ticket } = call;
      const reply = await checkTicket(connection, topology, ticket, dispatcherId, {
        isAgain: redelivered,
        mayBeHeld,
      });
      // It was issued again meanwhile, and this says nothing of the new one.
      if (call.ticket.epoch !== ticket.epoch) continue;
      if (reply === 'reported') return 'reported';
      if (redelivered)
        logger.debug({ event: 'ticket.redelivered', ...idsOf(call.ticket), ...reply }, 'redelivered ticket');
      if (reply?.superseded === true) return 'superseded';
      if (reply?.ended === true) return 'cancelled';
      if (reply?.wanted === false) return 'unwanted';
      if (reply?.may_begin === true) return 'begin';
    }
    // The door would wake it at once.
    if (call.abort.signal.aborted) await delay(STAGED_RECHECK_MS);
    const woken = await door.wait(call, full ? STAGED_RECHECK_MS : delayMs, !asks);
    if (woken === 'turn' && (await line.isGood()) && mayBeginUnasked() && !call.abort.signal.aborted)
      return isDraining() ? 'draining' : 'begin';
    // A call has ended here: in a moment the router knows of it.
    delayMs = woken === 'woken' ? Math.min(delayMs * 2, STAGED_RECHECK_MS) : FIRST_CHECK_DELAY_MS;
  }
}
