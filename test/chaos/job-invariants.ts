import { createHmac } from 'node:crypto';
import { jobWebhookSchema, type JobWebhook } from '#contracts';
import { differingCalls } from './differing-calls.js';
import { CAMPAIGN_SECRET, PROMPT_MARKER, type JobInvariant } from './job-evidence.js';

const ENDS = ['completed', 'failed', 'cancelled', 'expired'];

/** I1 and I2: what was accepted has one end, and an answer where it says so. */
const everyJobEnds: JobInvariant = ({ jobs }) =>
  jobs.flatMap(({ job_id: id, status, attempts, result }) => {
    const answers = attempts.filter((attempt) => attempt.status === 'succeeded').length;
    if (!ENDS.includes(status)) return [`job ${id} is ${status}`];
    if ((status === 'completed') !== (result !== null))
      return [`job ${id} is ${status}, its result ${JSON.stringify(result)}`];
    return status === 'completed' && answers !== 1 ? [`job ${id} completed with ${answers} answers`] : [];
  });

/** Each end is told under one id, which says the same each time, to the receiver that the job named, until it is taken. */
const everyEndIsToldUnderOneId: JobInvariant = ({ meant, jobs, told }) => {
  const wrong: string[] = [];
  const bodies = new Map<string, string>();
  const idsOfJob = new Map<string, Set<string>>();
  const taken = new Set<string>();
  const receiverOf = new Map(meant.map(({ number, receiver }) => [number, receiver]));
  for (const { id, body, receiver, isTaken } of told) {
    if ((bodies.get(id) ?? body) !== body) wrong.push(`${id} says ${body} after ${bodies.get(id)}`);
    bodies.set(id, body);
    const { data } = parse(body);
    const ids = idsOfJob.get(data.job_id) ?? new Set();
    idsOfJob.set(data.job_id, ids.add(id));
    if (isTaken) taken.add(id);
    if (receiverOf.get(Number(data.metadata?.['number'])) !== receiver)
      wrong.push(`receiver ${receiver} was told of a job of another: ${body}`);
  }
  for (const { job_id: jobId, status } of jobs) {
    const [id, ...more] = idsOfJob.get(jobId) ?? [];
    if (id === undefined) wrong.push(`nobody was told that job ${jobId} is ${status}`);
    else if (more.length > 0)
      wrong.push(`the end of job ${jobId} was told under ${[id, ...more].join(', ')}`);
    else if (!taken.has(id)) wrong.push(`${id} was never taken`);
    else if (parse(bodies.get(id) ?? '').type !== `job.${status}`)
      wrong.push(`job ${jobId} is ${status}, and told was ${bodies.get(id)}`);
  }
  const known = new Set(jobs.map(({ job_id: id }) => id));
  const uncertain = new Set(meant.flatMap(({ number, jobId }) => (jobId === null ? [number] : [])));
  for (const body of bodies.values()) {
    const { data } = parse(body);
    if (!known.has(data.job_id) && !uncertain.has(Number(data.metadata?.['number'])))
      wrong.push(`nobody submitted ${data.job_id}`);
  }
  return wrong;
};

/** Whoever was told can know that it was Beacon. Reckoned here, not with the code that signs. */
const everyRequestIsSigned: JobInvariant = ({ told }) =>
  told.flatMap(({ id, timestampS, body, signature }) => {
    const key = Buffer.from(CAMPAIGN_SECRET.slice('whsec_'.length), 'base64');
    const expected = createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64');
    return signature === `v1,${expected}` ? [] : [`${id} is signed ${signature}`];
  });

/** What the API says of deliveries is what receivers got. */
const deliveriesAreListed: JobInvariant = ({ told, deliveries }) => {
  const ids = new Set(told.map(({ id }) => id));
  const listed = new Set(deliveries.map(({ event_id: id }) => id));
  return [
    ...deliveries
      .filter(({ status }) => status !== 'delivered')
      .map(({ event_id: id, status }) => `${id} is ${status}`),
    ...[...ids].filter((id) => !listed.has(id)).map((id) => `${id} was told and is not listed`),
    ...[...listed].filter((id) => !ids.has(id)).map((id) => `${id} is listed and was not told`),
    ...deliveries.flatMap(({ event_id: id, tries }) => {
      const requests = told.filter((each) => each.id === id).length;
      // A try may end before it has reached anybody; it is never made without being counted.
      return requests > tries ? [`${id} was told ${requests} times in ${tries} tries`] : [];
    }),
  ];
};

/** No prompt and no endpoint is told of. */
const nothingLeaks: JobInvariant = ({ told }) =>
  told.flatMap(({ id, body }) =>
    [PROMPT_MARKER, 'llama', 'qwen', 'mistral', 'endpoint', 'http:'].flatMap((marker) =>
      body.includes(marker) ? [`${id} tells of "${marker}": ${body}`] : [],
    ),
  );

/** I4. */
const everyCallIsInTheLedger: JobInvariant = ({ calls, ledger, unknownCallsMax }) =>
  differingCalls(calls, ledger, unknownCallsMax);

export const WEBHOOK_INVARIANTS: readonly JobInvariant[] = [
  ...[
    everyJobEnds,
    everyEndIsToldUnderOneId,
    everyRequestIsSigned,
    deliveriesAreListed,
    nothingLeaks,
    everyCallIsInTheLedger,
  ],
];

function parse(body: string): JobWebhook {
  return jobWebhookSchema.parse(JSON.parse(body));
}
