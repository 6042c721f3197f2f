import type { QuestionOrder, RegionPolicy, RequestedOrder, RunEnding, RunOrder, RunStatus } from '#domain';
import { Column, Entity, PrimaryColumn } from 'typeorm';

export interface RunPair {
  readonly model: string;
  readonly region: string;
}

/** What was asked for, resolved: region names, no aliases. Questions have rows of their own. */
export interface StoredRunSpec {
  readonly models: readonly string[];
  readonly regions: readonly string[];
  readonly repeats: number;
  readonly region_policy: RegionPolicy;
  readonly system_prompts: Readonly<Record<string, string>>;
  readonly temperature: number;
  readonly max_tokens: number;
  readonly webhook_url: string | null;
  /** Absent in runs from before there were seeds, as null: endpoints draw their own. */
  readonly seed?: number | null;
  /** Absent: as given. The questions are stored in the order in which they are asked. */
  readonly question_order?: QuestionOrder;
  /** `cells.pair_no` counts them from 1. */
  readonly pairs: readonly RunPair[];
  /** By pair, the cells that may be in the router's hands at once; absent in runs that were stored before there was one. */
  readonly in_flight_max?: readonly number[];
  /** Asked for, but served nowhere in that region: no cells. */
  readonly unavailable: readonly RunPair[];
  /** Regions are asked one question together; absent: each at its own pace. */
  readonly max_skew_s?: number;
  /** Absent: none. */
  readonly budget?: { readonly usd: number | null; readonly gpu_seconds: number | null };
}

export interface StoredRunPlan {
  readonly order: RunOrder;
  readonly requested_order: RequestedOrder;
  readonly reason: string;
  readonly cells_per_endpoint: Readonly<Record<string, number>>;
  readonly estimated_makespan_seconds: number | null;
  /** Absent in runs that were stored before costs were estimated. */
  readonly estimated_cost_usd?: number | null;
  /** Absent in runs that were stored before runs were planned. */
  readonly orders?: StoredOrderPlan[];
  readonly assumed_times?: boolean;
}

/** What was expected of the run in one order when it was submitted. */
export interface StoredOrderPlan {
  readonly order: RunOrder;
  readonly makespan_s: number;
  readonly gpu_seconds: {
    readonly cold_start: number;
    readonly busy: number;
    readonly idle: number;
    readonly total: number;
  };
  readonly cost_usd: number | null;
  readonly unpriced_gpus: string[];
  readonly cold_starts: number;
  readonly peak_gpus: number;
  readonly exact: boolean;
}

/** An experiment. Everything that changes it locks its row first. */
@Entity({ name: 'runs', synchronize: false })
export class RunEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') tenant!: string;
  @Column('text', { name: 'key_id', nullable: true }) keyId!: string | null;
  @Column('bigint', { name: 'run_no' }) runNo!: string;
  @Column('text') name!: string;
  @Column('text') status!: RunStatus;
  @Column('text', { nullable: true }) ending!: RunEnding | null;
  @Column('text', { name: 'cell_order' }) order!: RunOrder;
  @Column('text', { name: 'requested_order' }) requestedOrder!: RequestedOrder;
  @Column('jsonb') spec!: StoredRunSpec;
  @Column('jsonb') plan!: StoredRunPlan;
  @Column('integer', { name: 'total_cells' }) totalCells!: number;
  /** Cells up to this number have rows; null: all of them. */
  @Column('integer', { name: 'cells_made', nullable: true }) cellsMade!: number | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('timestamptz', { name: 'started_at', nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { name: 'finished_at', nullable: true }) finishedAt!: Date | null;
  @Column('timestamptz', { name: 'prompts_erased_at', nullable: true }) promptsErasedAt!: Date | null;
  @Column('timestamptz', { name: 'results_erased_at', nullable: true }) resultsErasedAt!: Date | null;
}
