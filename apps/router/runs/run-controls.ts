import { ProblemError, type GateDecidedView, type RunCancelView, type RunStateView } from '#contracts';
import { isRunFinished, judgeGateDecision, resumedStatus, type GateDecision, type RunStatus } from '#domain';
import type { Logger } from '#observability';
import {
  appendRunEvents,
  expireGate,
  lockRun,
  pauseRun,
  readGates,
  recordGateDecision,
  requestEnding,
  resumeRun,
  setRunStatus,
  type Database,
  type LockedRun,
  type Queryable,
} from '#persistence';
import type { RunHints } from './run-hints.js';
import { runNotFound } from './run-id.js';

/** Events of these controls, and how the log says them. */
const CHANGES = { 'run.paused': 'run paused', 'run.resumed': 'run resumed' } as const;

/** What people ask of a run. It is written down here, and carried out by the runner, now or when it is back. */
export class RunControls {
  constructor(
    private readonly database: Database,
    private readonly hints: RunHints,
    private readonly logger: Logger,
  ) {}

  /** @throws ProblemError RUN_NOT_FOUND, RUN_FINISHED */
  async cancel(runId: string): Promise<RunCancelView> {
    const { status, first } = await this.database.transaction(async (client) => {
      const run = await lockRun(client, runId);
      if (run === undefined) throw runNotFound();
      if (isRunFinished(run.status)) throw new ProblemError('RUN_FINISHED', `the run is ${run.status}`);
      if (run.ending !== null) return { status: run.status, first: false };
      await requestEnding(client, runId, 'cancelled');
      await appendRunEvents(client, runId, [{ type: 'run.cancelling', data: {} }]);
      return { status: run.status, first: true };
    });
    if (first) this.logger.info({ event: 'run.cancelling', run_id: runId }, 'run is to be cancelled');
    this.tell(runId);
    return { run_id: runId, status, cancelling: true };
  }

  /**
   * Has the run submit nothing more until it is resumed. Calls in flight end, and what they answer is kept.
   * @throws ProblemError RUN_NOT_FOUND, RUN_FINISHED
   */
  async pause(runId: string): Promise<RunStateView> {
    return this.change(runId, 'run.paused', async (client, { status }) => {
      if (status === 'paused') return undefined;
      await pauseRun(client, runId);
      return 'paused';
    });
  }

  /** @throws ProblemError RUN_NOT_FOUND, RUN_FINISHED */
  async resume(runId: string): Promise<RunStateView> {
    return this.change(runId, 'run.resumed', async (client, { status, startedAt }) => {
      if (status !== 'paused') return undefined;
      const gates = await readGates(client, runId);
      const next = resumedStatus(
        startedAt !== null,
        gates.some((gate) => gate.status === 'waiting'),
      );
      await resumeRun(client, runId, next);
      return next;
    });
  }

  /** @param work returns the run's new status; undefined: it was as asked for before */
  private async change(
    runId: string,
    event: keyof typeof CHANGES,
    work: (client: Queryable, run: LockedRun) => Promise<RunStatus | undefined>,
  ): Promise<RunStateView> {
    const { status, changed } = await this.database.transaction(async (client) => {
      const run = await lockRun(client, runId);
      if (run === undefined) throw runNotFound();
      if (isRunFinished(run.status)) throw new ProblemError('RUN_FINISHED', `the run is ${run.status}`);
      if (run.ending !== null)
        throw new ProblemError('RUN_FINISHED', `the run is being ended: ${run.ending}`);
      const next = await work(client, run);
      if (next !== undefined) await appendRunEvents(client, runId, [{ type: event, data: {} }]);
      return { status: next ?? run.status, changed: next !== undefined };
    });
    if (changed) this.logger.info({ event, run_id: runId }, CHANGES[event]);
    this.tell(runId);
    return { run_id: runId, status };
  }

  /** @throws ProblemError RUN_NOT_FOUND, GATE_NOT_FOUND, GATE_DECIDED, RUN_FINISHED */
  async decideGate(runId: string, gateId: string, decision: GateDecision): Promise<GateDecidedView> {
    const outcome = await this.database.transaction(async (client) => {
      const run = await lockRun(client, runId);
      if (run === undefined) throw runNotFound();
      const gate = (await readGates(client, runId)).find((candidate) => candidate.gateId === gateId);
      if (gate === undefined) throw new ProblemError('GATE_NOT_FOUND', 'the run has no gate of this name');
      const verdict = judgeGateDecision(gate.status, gate.overdue, decision);
      const decides = verdict.kind === 'decide' || verdict.kind === 'expire';
      // How it ends has been decided: a gate that says otherwise could never be passed if it goes on some day.
      if (decides && run.ending !== null)
        throw new ProblemError('RUN_FINISHED', `the run is being ended: ${run.ending}`);
      switch (verdict.kind) {
        case 'repeat':
          return 'unchanged';
        case 'conflict':
          throw new ProblemError('GATE_DECIDED', `the gate is ${gate.status}`);
        case 'expire':
          return 'overdue';
        case 'decide':
          if (isRunFinished(run.status)) throw new ProblemError('RUN_FINISHED', `the run is ${run.status}`);
          await recordGateDecision(client, runId, gateId, decision);
          if (decision === 'rejected') await requestEnding(client, runId, 'rejected');
          // A paused run stays paused, whatever is decided meanwhile.
          else if (gate.status === 'waiting' && run.status !== 'paused')
            await setRunStatus(client, runId, 'running');
          await appendRunEvents(client, runId, [
            { type: 'gate.decided', data: { gate_id: gateId, decision } },
          ]);
          return 'decided';
      }
    });
    if (outcome === 'overdue') {
      await expireGate(this.database, runId, gateId);
      this.tell(runId);
      throw new ProblemError('GATE_DECIDED', 'the gate is expired');
    }
    if (outcome === 'decided') {
      this.logger.info({ event: 'gate.decided', run_id: runId, gate_id: gateId, decision }, 'gate decided');
    }
    this.tell(runId);
    return { run_id: runId, gate_id: gateId, status: decision };
  }

  private tell(runId: string): void {
    this.hints.request(runId);
    this.hints.announce(runId);
  }
}
