import type { OutcomeResult, Ticket } from '#contracts';
import type { RunningCall } from './running-calls.js';

/** Somebody else may have held this ticket, or an earlier one of the same attempt. */
export function isRedelivered({ delivery, ticket }: RunningCall): boolean {
  return delivery.count !== 1 || ticket.epoch !== ticket.attempt;
}

/** What every line about a ticket says. */
export function idsOf(ticket: Ticket): Record<string, unknown> {
  return {
    job_id: ticket.job_id,
    attempt: ticket.attempt,
    epoch: ticket.epoch,
    endpoint_id: ticket.endpoint_id,
    region: ticket.region,
  };
}

/** @returns the code of what went wrong; undefined: nothing did */
export function errorOf(result: OutcomeResult): string | undefined {
  switch (result.kind) {
    case 'succeeded':
      return undefined;
    case 'failed':
      return result.code;
    case 'cancelled':
      return 'CALL_CANCELLED';
  }
}

/** How a call ended, for the log: never what was answered. */
export function summaryOf(result: OutcomeResult): Record<string, unknown> {
  switch (result.kind) {
    case 'succeeded':
      return {
        outcome: 'succeeded',
        cold_start: result.cold_start,
        upstream_call_id: result.upstream_call_id,
      };
    case 'failed':
      return {
        outcome: 'failed',
        code: result.code,
        detail: result.detail,
        upstream_call_id: result.upstream_call_id,
      };
    case 'cancelled':
      return { outcome: 'cancelled' };
  }
}
