import type { GateStatus } from '#domain';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A point at which people decide whether a run goes on. */
@Entity({ name: 'gates', synchronize: false })
export class RunGateEntity {
  @PrimaryColumn('uuid', { name: 'run_id' }) runId!: string;
  /** Id of the question it comes after. */
  @PrimaryColumn('text', { name: 'gate_id' }) gateId!: string;
  @Column('integer', { name: 'after_question_no' }) afterQuestionNo!: number;
  @Column('text') status!: GateStatus;
  @Column('integer', { name: 'expires_in_s' }) expiresInS!: number;
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { name: 'waiting_since', nullable: true }) waitingSince!: Date | null;
  @Column('timestamptz', { name: 'decided_at', nullable: true }) decidedAt!: Date | null;
}
