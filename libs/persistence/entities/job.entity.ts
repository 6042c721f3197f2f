import type { JobState, Priority, RegionPolicy } from '#domain';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The answer that was accepted for a job. */
export interface StoredResult {
  /** null: erased. */
  readonly response: string | null;
  /** Of an erased response; absent while it is there. */
  readonly response_sha256?: string;
  readonly model: string;
  readonly region: string;
  readonly endpoint_id: string;
  readonly substituted: boolean;
  readonly inference_time_s: number | null;
  readonly tokens_generated: number | null;
}

/** A durable job. Written by hot statements only (`sql/`); read through here. */
@Entity({ name: 'jobs', synchronize: false })
export class JobEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') tenant!: string;
  @Column('text', { name: 'key_id', nullable: true }) keyId!: string | null;
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('text', { name: 'task_type', nullable: true }) taskType!: string | null;
  @Column('text') state!: JobState;
  @Column('text') model!: string;
  @Column('text', { name: 'home_region' }) homeRegion!: string;
  @Column('text', { name: 'preferred_region', nullable: true }) preferredRegion!: string | null;
  @Column('text', { name: 'region_policy' }) regionPolicy!: RegionPolicy;
  @Column('text') priority!: Priority;
  @Column('text') lane!: string;
  @Column('text', { name: 'avoid_regions', array: true }) avoidRegions!: string[];
  @Column('boolean', { name: 'is_retry' }) isRetry!: boolean;
  @Column('bigint', { name: 'order_key' }) orderKey!: string;
  @Column('timestamptz', { name: 'not_before' }) notBefore!: Date | number;
  @Column('integer') attempt!: number;
  @Column('integer') epoch!: number;
  @Column('integer', { name: 'max_attempts' }) maxAttempts!: number;
  @Column('integer', { name: 'timeout_ms' }) timeoutMs!: number;
  @Column('timestamptz', { nullable: true }) deadline!: Date | null;
  @Column('jsonb', { nullable: true }) metadata!: Record<string, unknown> | null;
  @Column('uuid', { name: 'redriven_from', nullable: true }) redrivenFrom!: string | null;
  @Column('timestamptz', { name: 'prompt_erased_at', nullable: true }) promptErasedAt!: Date | null;
  @Column('timestamptz', { name: 'result_erased_at', nullable: true }) resultErasedAt!: Date | null;
  @Column('text', { name: 'error_code', nullable: true }) errorCode!: string | null;
  @Column('text', { name: 'error_detail', nullable: true }) errorDetail!: string | null;
  @Column('jsonb', { nullable: true }) result!: StoredResult | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('timestamptz', { name: 'started_at', nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { name: 'completed_at', nullable: true }) completedAt!: Date | null;
}
