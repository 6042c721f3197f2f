import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelResponseSchema, queuedResponseSchema } from '#contracts';
import { PRIORITIES, REGION_POLICIES, TERMINAL_STATES } from '#domain';
import type { BodyOf } from '#router-client';
import { Option, type Command } from 'commander';
import { CommandError } from '../command-error.js';
import { EXIT_NOT_COMPLETED, EXIT_OK, EXIT_UNAVAILABLE, EXIT_USAGE } from '../exit-codes.js';
import { jobFace, type JobFace } from '../faces.js';
import { readDocument, readText } from '../read-document.js';
import { askRouter, withRouterOptions, type Answered, type RouterOptions } from '../router-api.js';
import { Interruption } from '../terminal/interruption.js';
import { print } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';
import { printable } from '../terminal/text-table.js';
import { jobLine, jobLines, queuedLine } from './jobs-view.js';

const POLL_FIRST_MS = 200;
const POLL_MOST_MS = 2000;
/** A router that restarts is back within seconds. */
const AWAY_MOST_MS = 120_000;

interface SubmitOptions extends RouterOptions {
  readonly model?: string;
  readonly prompt?: string;
  readonly region?: string;
  readonly policy?: string;
  readonly priority?: string;
  readonly maxTokens?: string;
  readonly temperature?: string;
  readonly seed?: string;
  readonly idempotencyKey?: string;
  readonly watch?: boolean;
}

const pathTo = (id: string) => ({ params: { path: { job_id: id } } });

export function registerJobs(program: Command, setExitCode: (code: number) => void): void {
  const group = program.command('jobs').description('single jobs: one prompt, one answer');

  withRouterOptions(
    group
      .command('submit')
      .description('queue a job and print its id; what is given by options goes before what the file says')
      .argument('[file]', 'the body of POST /inference/queued in YAML or JSON ("-": stdin)')
      .option('--model <model>')
      .option('--prompt <text>', 'the prompt; "@FILE" reads it from a file')
      .option('--region <region>', 'where it is preferred')
      .addOption(new Option('--policy <policy>', 'whether it may be elsewhere').choices(REGION_POLICIES))
      .addOption(new Option('--priority <priority>').choices(PRIORITIES))
      .option('--max-tokens <number>')
      .option('--temperature <number>')
      .option('--seed <number>')
      .option('--idempotency-key <key>', 'the same key and body give the same job again (default: a new one)')
      .option('--watch', 'wait for its end and print the answer'),
  ).action(async (file: string | undefined, options: SubmitOptions) => {
    const body = await bodyOf(file, options);
    const queued = await askRouter(
      options,
      (router) =>
        router.POST('/inference/queued', {
          ...{ body, params: { header: { 'Idempotency-Key': options.idempotencyKey ?? randomUUID() } } },
        }),
      queuedResponseSchema,
      { refused: 'the job is refused' },
    );
    const { job_id: id, warnings } = queued.answer;
    if (options.watch === true) {
      setExitCode(await watch(options, id));
      return;
    }
    print(options, queued, () => [id]);
    const remarks = [queuedLine(queued.answer), ...warnings.map((each) => `warning: ${each}`)].map(printable);
    if (options.json !== true) process.stderr.write(`${remarks.join('\n')}\n`);
  });

  withRouterOptions(group.command('status').description('how a job stands').argument('<job_id>')).action(
    async (id: string, options: RouterOptions) => {
      print(options, await fetchJob(options, id), (job) => jobLines(job, terminalOf().width));
    },
  );

  withRouterOptions(
    group
      .command('watch')
      .description('wait for the end of a job; exits with 0 only where it is completed')
      .argument('<job_id>'),
  ).action(async (id: string, options: RouterOptions) => setExitCode(await watch(options, id)));

  withRouterOptions(
    group.command('cancel').description('end a job, and its call').argument('<job_id>'),
  ).action(async (id: string, options: RouterOptions) => {
    const cancelled = await askRouter(
      options,
      (router) => router.DELETE('/inference/{job_id}', pathTo(id)),
      cancelResponseSchema,
    );
    print(options, cancelled, ({ job_id: jobId, status }) => [`${jobId} is ${status}`]);
  });
}

async function bodyOf(
  file: string | undefined,
  options: SubmitOptions,
): Promise<BodyOf<'/inference/queued', 'post'>> {
  const { model, prompt, region, policy, priority, maxTokens, temperature, seed } = options;
  const given = {
    ...{ model, region_preference: region, region_policy: policy, priority },
    prompt: prompt?.startsWith('@') === true ? await readText(prompt.slice(1)) : prompt,
    max_tokens: numberOf('--max-tokens', maxTokens),
    temperature: numberOf('--temperature', temperature),
    seed: numberOf('--seed', seed),
  };
  const document: object = {
    ...(file === undefined ? {} : await readDocument(file)),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
  if (Object.keys(document).length === 0)
    throw new CommandError('name a file, or give --model and --prompt', EXIT_USAGE);
  // The router judges it.
  return document as BodyOf<'/inference/queued', 'post'>;
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number))
    throw new CommandError(`${option} is to be a number`, EXIT_USAGE);
  return number;
}

function fetchJob(options: RouterOptions, id: string, signal?: AbortSignal): Promise<Answered<JobFace>> {
  return askRouter(
    options,
    (router) => router.GET('/inference/status/{job_id}', pathTo(id)),
    jobFace,
    signal === undefined ? {} : { signal },
  );
}

/** @returns 0 only where the job is completed; the one that is interrupted goes on */
async function watch(options: RouterOptions, id: string): Promise<number> {
  const interruption = new Interruption();
  const { signal } = interruption;
  try {
    const job = await ended(options, id, signal);
    print(options, job, (answer) => jobLines(answer, terminalOf().width));
    return job.answer.status === 'completed' ? EXIT_OK : EXIT_NOT_COMPLETED;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write(
      `beacon: not watching any more; the job goes on\n  watch it: beacon jobs watch ${id}\n  end it:   beacon jobs cancel ${id}\n`,
    );
    return interruption.exitCode;
  } finally {
    interruption.end();
  }
}

/** Jobs have no events: their status is asked for, less and less often. */
async function ended(options: RouterOptions, id: string, signal: AbortSignal): Promise<Answered<JobFace>> {
  let pauseMs = POLL_FIRST_MS;
  let said = '';
  let awaySince: number | undefined;
  for (;;) {
    try {
      const job = await fetchJob(options, id, signal);
      awaySince = undefined;
      if ((TERMINAL_STATES as readonly string[]).includes(job.answer.status)) return job;
      const line = jobLine(job.answer);
      // stdout is for the answer: `answer=$(beacon jobs watch ID)` holds nothing else.
      if (line !== said && options.json !== true) process.stderr.write(`${line}\n`);
      said = line;
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode !== EXIT_UNAVAILABLE) throw error;
      awaySince ??= performance.now();
      if (performance.now() - awaySince > AWAY_MOST_MS) throw error;
    }
    await delay(pauseMs, undefined, { signal });
    pauseMs = Math.min(POLL_MOST_MS, pauseMs * 1.5);
  }
}
