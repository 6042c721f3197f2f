import { setTimeout as delay } from 'node:timers/promises';
import {
  webhookDeliveryListSchema,
  type JobStatusView,
  type LedgerEntryView,
  type QueuedResponse,
  type WebhookDeliveryView,
} from '#contracts';
import { BeaconClient, until } from '#testing';
import { untilAnswered } from '../stack/experiment.js';
import { readLedger } from '../stack/read-ledger.js';
import type { Stack } from '../stack/stack.js';
import { ENDPOINTS, type AccountedCall } from '../stack/stand-in.js';
import { differingCalls } from './differing-calls.js';
import {
  CAMPAIGN_SECRET,
  PROMPT_MARKER,
  type JobEvidence,
  type JobInvariant,
  type MeantJob,
} from './job-evidence.js';
import { JobReceiver } from './job-receiver.js';
import { Chance } from './moments.js';
import type { Strike } from './scenario.js';
import { unknownCallsMaxOf, type Kill } from './kills.js';

const SUBMITTERS = 8;
const ENDED_MS = 240_000;
/** A killed sender's webhook is due again after 20 s, one that was refused after 6 s at the most. */
const DELIVERED_MS = 90_000;
const RECEIVERS = 3;
export const CAMPAIGN_OPTIONS = {
  settings: 'webhooks: { allowed_hosts: [127.0.0.1] }',
  environment: { BEACON_WEBHOOK_SECRET: CAMPAIGN_SECRET },
};

export interface JobCampaign {
  readonly name: string;
  readonly seed: number;
  readonly jobs: number;
  readonly strikes: (chance: Chance, answers: number) => readonly Strike[];
  readonly invariants: readonly JobInvariant[];
}

/**
 * Submits jobs with webhooks, some of which are cancelled, expire or fail, strikes, and holds what came of it against the
 * invariants.
 * @throws with the seed, what was struck when, and the last complaints of the processes
 */
export async function playJobs(stack: Stack, campaign: JobCampaign): Promise<void> {
  const { name, seed, jobs: count, invariants } = campaign;
  const chance = new Chance(seed, name);
  // Not the last part: what is struck must still matter.
  const strikes = campaign.strikes(chance, Math.floor(count * 0.6));
  const receivers = await Promise.all(
    Array.from({ length: RECEIVERS }, (_, index) => JobReceiver.start(index)),
  );
  const timeline: string[] = [];
  const startedMs = performance.now();
  const note = (what: string): void => {
    timeline.push(`${((performance.now() - startedMs) / 1000).toFixed(1)} s ${what}`);
  };
  try {
    await stack.standIn.newBooks();
    await stack.standIn.fault({ kind: 'model_error', region: 'EU', count: Math.ceil(count / 40) });
    const striking = strike(stack, strikes, note);
    const meant = await submitAll(stack, seed, count, receivers);
    note(`${meant.length} submitted`);
    const unknownCallsMax = unknownCallsMaxOf(await striking);
    const jobs = await untilAllEnded(stack, meant);
    note('all have ended');
    const deliveries = await untilAllDelivered(stack);
    note('all are told');
    const evidence: JobEvidence = {
      ...{ meant, jobs, deliveries, told: receivers.flatMap(({ told }) => told) },
      ...{ account: await stack.standIn.account(), calls: await stack.standIn.calls() },
      ledger: await untilEntered(stack, await stack.standIn.calls(), unknownCallsMax),
      unknownCallsMax,
    };
    const wrong = invariants.flatMap((invariant) => invariant(evidence));
    if (wrong.length > 0) throw new Error(wrong.slice(0, 40).join('\n'));
    note(figures(evidence));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const how = `CHAOS_SEED=${seed}; everything is kept in ${stack.folder}`;
    const told = [message, how, ...timeline, await stack.complaints()].join('\n');
    throw new Error(told, { cause: error });
  } finally {
    await Promise.all(receivers.map((receiver) => receiver.close()));
  }
  process.stdout.write(`chaos, ${name}, seed ${seed}: ${timeline.join('; ')}\n`);
}

/** Each victim's own strikes follow each other; different victims are struck independently. */
async function strike(
  stack: Stack,
  strikes: readonly Strike[],
  note: (what: string) => void,
): Promise<readonly Kill[]> {
  const kills: Kill[] = [];
  const victims = [...new Set(strikes.map(({ victim }) => victim))];
  await Promise.all(
    victims.map(async (victim) => {
      for (const { at, how } of strikes.filter((each) => each.victim === victim)) {
        await untilAnswered(stack, at.afterAnswers);
        // The drawn moment itself, not a wait for something.
        await delay(at.plusMs);
        const killedAtMs = performance.now();
        const pid = await how(stack);
        note(`killed ${victim}`);
        await stack.restarted(victim, pid);
        kills.push({ victim, killedAtMs, backAtMs: performance.now() });
      }
    }),
  );
  return kills;
}

async function submitAll(
  stack: Stack,
  seed: number,
  count: number,
  receivers: readonly JobReceiver[],
): Promise<MeantJob[]> {
  const meant: MeantJob[] = [];
  let next = 0;
  const submitter = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const receiver = number % receivers.length;
      const jobId = await submit(stack, seed, number, receivers[receiver]?.url ?? '');
      meant.push({ number, receiver, jobId });
      // Some are no longer wanted, whatever they are doing.
      if (jobId !== null && number % 17 === 3) await cancel(stack, jobId);
    }
  };
  await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
  return meant;
}

/** Until it is known to be accepted: the same key makes the same job, however often it is sent. */
async function submit(stack: Stack, seed: number, number: number, url: string): Promise<string | null> {
  const { model = '', region = '' } = ENDPOINTS[number % ENDPOINTS.length] ?? {};
  const hasDeadline = number % 19 === 5;
  const json = {
    ...{ model, prompt: `${PROMPT_MARKER} ${number}`, webhook_url: url, metadata: { number } },
    ...{ region_preference: region, region_policy: number % 2 === 0 ? 'pin' : 'prefer' },
    ...(hasDeadline ? { deadline: new Date(Date.now() + 4000).toISOString() } : {}),
  };
  const headers = { 'idempotency-key': `campaign-${seed}-${number}` };
  return until('a job is accepted', async () => {
    const client = new BeaconClient(stack.url);
    const { status, body } = await client.request<QueuedResponse>('/inference/queued', { json, headers });
    if (status === 202) return { jobId: body.job_id };
    if (status === 400 && hasDeadline) return { jobId: null };
    throw new Error(`${status}: ${JSON.stringify(body)}`);
  }).then(({ jobId }) => jobId);
}

async function cancel(stack: Stack, jobId: string): Promise<void> {
  await until('a job is cancelled or over', async () =>
    [202, 409].includes((await new BeaconClient(stack.url).cancel(jobId)).status),
  );
}

async function untilAllEnded(stack: Stack, meant: readonly MeantJob[]): Promise<JobStatusView[]> {
  const jobs: JobStatusView[] = [];
  for (const { jobId } of meant) {
    if (jobId !== null) jobs.push(await new BeaconClient(stack.url).untilEnded(jobId, ENDED_MS));
  }
  return jobs;
}

async function untilAllDelivered(stack: Stack): Promise<WebhookDeliveryView[]> {
  const page = async (query: string) => {
    const { body } = await new BeaconClient(stack.url).request(`/webhook-deliveries?limit=200${query}`);
    return webhookDeliveryListSchema.parse(body);
  };
  await until(
    'all webhooks are delivered',
    async () => {
      const { deliveries } = await page('&status=pending');
      if (deliveries.length > 0)
        throw new Error(`${deliveries.length} wait, one of them ${JSON.stringify(deliveries[0])}`);
      return true;
    },
    DELIVERED_MS,
  );
  const all: WebhookDeliveryView[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { deliveries, next_cursor: next } = await until('a page of deliveries', () => page(from));
    all.push(...deliveries);
    cursor = next;
  }
  return all;
}

/** Word of a call that was made twice comes with the outcome of the second, or after it: the ledger may trail the jobs. */
async function untilEntered(
  stack: Stack,
  calls: readonly AccountedCall[],
  unknownCallsMax: number,
): Promise<LedgerEntryView[]> {
  return until('every call is in the ledger', async () => {
    const entries = await readLedger(stack.url);
    const wrong = differingCalls(calls, entries, unknownCallsMax);
    if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join('\n'));
    return entries;
  }).catch(() => readLedger(stack.url));
}

function figures({ jobs, told, deliveries, calls, ledger }: JobEvidence): string {
  const ends = ['completed', 'failed', 'cancelled', 'expired'].map(
    (status) => `${jobs.filter((job) => job.status === status).length} ${status}`,
  );
  return `${jobs.length} jobs (${ends.join(', ')}), ${deliveries.length} events, ${told.length} requests, ${calls.length} calls upstream, ${ledger.filter(({ kind }) => kind === 'call').length} of them in the ledger`;
}
