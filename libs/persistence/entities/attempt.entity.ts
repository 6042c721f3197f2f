import type { AttemptErrorCode, AttemptStatus } from '#domain';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One execution of a job. The same attempt may have had several tickets (epochs). */
@Entity({ name: 'attempts', synchronize: false })
export class AttemptEntity {
  @PrimaryColumn('uuid', { name: 'job_id' }) jobId!: string;
  @PrimaryColumn('integer') attempt!: number;
  @Column('integer') epoch!: number;
  @Column('text', { name: 'endpoint_id' }) endpointId!: string;
  @Column('text') region!: string;
  @Column('text') status!: AttemptStatus;
  @Column('text', { name: 'error_code', nullable: true }) errorCode!: AttemptErrorCode | null;
  @Column('timestamptz', { name: 'started_at', nullable: true }) startedAt!: Date | null;
  @Column('timestamptz', { name: 'finished_at', nullable: true }) finishedAt!: Date | null;
}
