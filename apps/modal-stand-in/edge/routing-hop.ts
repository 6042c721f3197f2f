import type { Clock } from '../clock/clock.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import type { Exchange, Reply, StreamSink } from './exchange.js';

/**
 * Rule 29: requests enter Modal in us-east unless the endpoint has a routing region, wherever its containers are. What
 * Modal itself says (303, 401, 404, 429) comes from there; what a container says took the detour.
 */
export class RoutingHop {
  constructor(private readonly clock: Clock) {}

  reply(exchange: Exchange, endpoint: EndpointSettings, reply: Reply): void {
    this.#after(endpoint, () => exchange.reply(reply));
  }

  /** @returns the sink at the far end of the detour */
  stream(sink: StreamSink, endpoint: EndpointSettings): StreamSink {
    if (endpoint.routing_hop_s === 0) return sink;
    return {
      write: (text) => this.#after(endpoint, () => sink.write(text)),
      end: () => this.#after(endpoint, () => sink.end()),
      cut: () => this.#after(endpoint, () => sink.cut()),
    };
  }

  #after({ routing_hop_s: hopS }: EndpointSettings, then: () => void): void {
    if (hopS === 0) then();
    else this.clock.schedule(hopS * 1000, then);
  }
}
