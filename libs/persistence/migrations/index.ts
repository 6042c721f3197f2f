import { Jobs1763769600001 } from './0001-jobs.js';
import { Runs1763769600002 } from './0002-runs.js';
import { ReceiptKeys1763769600003 } from './0003-receipt-keys.js';
import { EndpointWarmth1763769600004 } from './0004-endpoint-warmth.js';
import { RunControls1763769600005 } from './0005-run-controls.js';
import { Webhooks1763769600006 } from './0006-webhooks.js';
import { GpuHandover1763769600007 } from './0007-gpu-handover.js';
import { RunCounts1763769600008 } from './0008-run-counts.js';
import { CellsMade1763769600009 } from './0009-cells-made.js';
import { AskedAt1763769600010 } from './0010-asked-at.js';
import { Tenancy1763769600011 } from './0011-tenancy.js';
import { Ledger1763769600012 } from './0012-ledger.js';
import { WebhooksOfJobs1763769600013 } from './0013-webhooks-of-jobs.js';
import { FairSharing1763769600014 } from './0014-fair-sharing.js';
import { Operations1763769600015 } from './0015-operations.js';
import { DeadLetters1763769600016 } from './0016-dead-letters.js';
import { Charter1763769600017 } from './0017-charter.js';
import { Batches1763769600018 } from './0018-batches.js';
import { UnkeyedRequests1763769600019 } from './0019-unkeyed-requests.js';
import { PlannedTimeline1763769600020 } from './0020-planned-timeline.js';
import { Traces1763769600021 } from './0021-traces.js';
import { StartGaps1763769600022 } from './0022-start-gaps.js';
import { Fences1763769600023 } from './0023-fences.js';

/** In order. Append only: a released migration never changes. */
export const MIGRATIONS = [
  Jobs1763769600001,
  Runs1763769600002,
  ReceiptKeys1763769600003,
  EndpointWarmth1763769600004,
  RunControls1763769600005,
  Webhooks1763769600006,
  GpuHandover1763769600007,
  RunCounts1763769600008,
  CellsMade1763769600009,
  AskedAt1763769600010,
  Tenancy1763769600011,
  Ledger1763769600012,
  WebhooksOfJobs1763769600013,
  FairSharing1763769600014,
  Operations1763769600015,
  DeadLetters1763769600016,
  Charter1763769600017,
  Batches1763769600018,
  UnkeyedRequests1763769600019,
  PlannedTimeline1763769600020,
  Traces1763769600021,
  StartGaps1763769600022,
  Fences1763769600023,
];
