import { callsPerJob, cellSeed, systemPromptOf, type RegionPolicy } from '#domain';
import type { CellContent } from '#persistence';
import type { QueuedJob } from './router-client.js';

/** The run's settings that go into every job. */
export interface JobSettings {
  readonly region_policy: RegionPolicy;
  readonly system_prompts: Readonly<Record<string, string>>;
  readonly temperature: number;
  readonly max_tokens: number;
  readonly seed?: number | null;
  readonly budget?: unknown;
}

/** Body of `POST /inference/queued` for a cell. */
export function cellJob(runId: string, settings: JobSettings, cell: CellContent): QueuedJob {
  const system = systemPromptOf(cell.region, settings.system_prompts, cell.systems);
  return {
    model: cell.model,
    ...(system === ''
      ? { prompt: cell.text }
      : {
          messages: [
            { role: 'system', content: system },
            { role: 'user', content: cell.text },
          ],
        }),
    region_preference: cell.region,
    region_policy: settings.region_policy,
    temperature: settings.temperature,
    max_tokens: settings.max_tokens,
    ...(settings.seed === null || settings.seed === undefined ? {} : { seed: cellSeed(settings.seed, cell) }),
    ...(settings.budget === undefined ? {} : { max_attempts: callsPerJob(settings.region_policy) }),
    metadata: { run_id: runId, question_id: cell.questionId, cell_no: cell.cellNo, repeat: cell.repeat },
  };
}
