import {
  cellResultSchema,
  jobStatusSchema,
  queueStatusSchema,
  runCreatedSchema,
  runViewSchema,
  type CellResultView,
  type JobStatusView,
  type QueueStatusView,
  type RunCreatedView,
  type RunView,
} from '#contracts';
import type { RequestedOrder } from '#domain';
import { z } from 'zod';
import { demoRun, type Experiment } from './experiment.js';
import { requestJson } from './http-json.js';

const resultsSchema = z.object({ results: z.array(cellResultSchema) });
/** Requests at once: the demo is one client among others. */
const PARALLEL = 8;

/** Beacon as any client sees it: the demo has no other way in. */
export class BeaconApi {
  constructor(
    readonly baseUrl: string,
    private readonly signal: AbortSignal,
  ) {}

  submit(experiment: Experiment, order: RequestedOrder): Promise<RunCreatedView> {
    return requestJson(this.at('/runs'), runCreatedSchema, this.signal, demoRun(experiment, order));
  }

  run(runId: string): Promise<RunView> {
    return requestJson(this.at(`/runs/${runId}`), runViewSchema, this.signal);
  }

  queue(): Promise<QueueStatusView> {
    return requestJson(this.at('/queue/status'), queueStatusSchema, this.signal);
  }

  async results(runId: string): Promise<CellResultView[]> {
    const { results } = await requestJson(this.at(`/runs/${runId}/results`), resultsSchema, this.signal);
    return results;
  }

  async jobs(jobIds: readonly string[]): Promise<JobStatusView[]> {
    const jobs: JobStatusView[] = [];
    for (let start = 0; start < jobIds.length; start += PARALLEL) {
      const asked = jobIds.slice(start, start + PARALLEL).map((jobId) => {
        const path = `/inference/status/${encodeURIComponent(jobId)}`;
        return requestJson(this.at(path), jobStatusSchema, this.signal);
      });
      jobs.push(...(await Promise.all(asked)));
    }
    return jobs;
  }

  private at(path: string): URL {
    return new URL(path, this.baseUrl);
  }
}
