import type { HttpClient } from '#endpoint-client';
import type { BrokerLife, CallStore, NatsConnection, OutcomePublisher, Topology } from '#messaging';
import type { Logger, Metrics, Tracing } from '#observability';
import type { Line } from './line.js';
import type { RunningCalls } from './running-calls.js';

/** What all workers of a dispatcher share. */
export interface WorkerServices {
  readonly dispatcherId: string;
  readonly connection: NatsConnection;
  /** How `connection` really is. */
  readonly line: Line;
  /** Of the server at its end. */
  readonly life: BrokerLife;
  readonly topology: Topology;
  readonly outcomes: OutcomePublisher;
  readonly callStore: CallStore;
  readonly http: HttpClient;
  readonly calls: RunningCalls;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
}
