import type { Call } from '../simulation/call.js';
import type { Simulation } from '../simulation/simulation.js';
import type { Exchange } from './exchange.js';

/** Faults that leave the caller without an answer; a hanging call is in flight until the caller goes. */
export function breakOff(exchange: Exchange, simulation: Simulation, call: Call, isReset: boolean): void {
  simulation.acceptUnserved(call);
  if (isReset) {
    simulation.finishUnserved(call, 'reset');
    exchange.reply({ kind: 'reset' });
    return;
  }
  exchange.onHangUp(() => simulation.finishUnserved(call, 'hung'));
}
