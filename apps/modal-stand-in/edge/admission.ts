import { timingSafeEqual } from 'node:crypto';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { CallPlan } from '../faults/call-plan.js';
import type { Outage } from '../faults/fault-board.js';
import { modalReply, suffer, type Exchange } from './exchange.js';
import { MODAL_REPLIES, type ModalReplyName } from './modal-replies.js';

/** `modal-*` request headers a caller may send. */
const PERMITTED = new Set(['modal-key', 'modal-secret']);

type Required = StandInConfiguration['proxy_auth'];

/** Rule 3. @returns the refusal, or `undefined` */
function refuseCredentials(exchange: Exchange, required: Required): ModalReplyName | undefined {
  if (required === undefined) return undefined;
  const key = exchange.header('modal-key');
  const secret = exchange.header('modal-secret');
  if (key === undefined || secret === undefined) return 'missing_credentials';
  return isSame(key, required.key) && isSame(secret, required.secret) ? undefined : 'invalid_credentials';
}

/** Rule 4. @returns the refusal, or `undefined` */
function refuseHeaders(exchange: Exchange): ModalReplyName | undefined {
  for (const name of exchange.headerNames()) {
    if (name.startsWith('modal-') && !PERMITTED.has(name)) return 'prohibited_header';
  }
  return undefined;
}

/** What every route but that of a new call asks of a request; there are no plans for those. */
export interface Access {
  readonly outage: Outage | undefined;
  /** What the app itself answers, if it does not serve. */
  readonly appState: ModalReplyName | undefined;
  readonly required: Required;
}

/**
 * Health checks, results, polls and cancellations: rule 2 holds for them as for calls, but for rate and queue.
 * @returns whether nothing else may answer
 */
export function isTurnedAway(exchange: Exchange, { outage, appState, required }: Access): boolean {
  if (suffer(exchange, outage)) return true;
  const refusal = appState ?? refuseRequest(exchange, required);
  if (refusal !== undefined) exchange.reply(modalReply(refusal));
  return refusal !== undefined;
}

/**
 * Rule 2: the order of the checks that come before anyone reads what is asked: workspace, app, credentials, headers.
 * Rate and queue come after them.
 * @param appState what the app itself answers, if it does not serve
 */
export function refuseArrival(
  exchange: Exchange,
  required: Required,
  plan: CallPlan,
  appState: ModalReplyName | undefined,
): ModalReplyName | undefined {
  const planned = plan.arrival?.kind === 'status' ? plan.arrival.body : undefined;
  const arises = planned === undefined ? undefined : MODAL_REPLIES[planned].arises;
  if (arises === 'workspace' || arises === 'budget') return planned;
  if (appState !== undefined) return appState;
  if (arises === 'app') return planned;
  return refuseRequest(exchange, required) ?? planned;
}

/** Rules 3 and 4, on every route. */
function refuseRequest(exchange: Exchange, required: Required): ModalReplyName | undefined {
  return refuseCredentials(exchange, required) ?? refuseHeaders(exchange);
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
