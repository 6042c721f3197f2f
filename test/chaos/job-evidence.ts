import type { JobStatusView, LedgerEntryView, WebhookDeliveryView } from '#contracts';
import type { Account, AccountedCall } from '../stack/stand-in.js';
import type { Told } from './job-receiver.js';

export const CAMPAIGN_SECRET = 'whsec_Y2FtcGFpZ24gY2FtcGFpZ24gY2FtcGFpZ24=';
/** No webhook holds it. */
export const PROMPT_MARKER = 'MARKER OF THE PROMPT';

/** One job as it was meant. */
export interface MeantJob {
  /** Its number, which is in its metadata. */
  readonly number: number;
  /** Which receiver is told. */
  readonly receiver: number;
  /** null: nobody knows whether it was accepted, because its deadline passed while the router was away. */
  readonly jobId: string | null;
}

/** What all sides say when a campaign is over. */
export interface JobEvidence {
  readonly meant: readonly MeantJob[];
  /** Every job that was accepted, as the API reads it. */
  readonly jobs: readonly JobStatusView[];
  /** Every request that receivers got. */
  readonly told: readonly Told[];
  readonly deliveries: readonly WebhookDeliveryView[];
  /** The platform's own account. */
  readonly account: Account;
  readonly calls: readonly AccountedCall[];
  readonly ledger: readonly LedgerEntryView[];
  /** So many calls at the most may be missing in the ledger: a dispatcher was killed while NATS was away. */
  readonly unknownCallsMax: number;
}

/** What must be true whatever was killed. @returns what is wrong, in words; nothing where all is well */
export type JobInvariant = (evidence: JobEvidence) => string[];
