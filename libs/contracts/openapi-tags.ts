import type { Operation } from './openapi.js';

/** What the parts of the API are about. */
const TAGS: Readonly<Record<string, string>> = {
  jobs: 'One request to a model: queued durably, answered by an endpoint, and kept with every attempt.',
  queues: 'What waits in each region and why, and what the endpoints are doing.',
  runs: 'Experiments: questions x models x regions x repeats, each cell with exactly one accepted answer.',
  tasks: 'Jobs whose model follows from their type.',
  openai: "OpenAI's protocol, through the same queue: for tools that speak it.",
  files: "OpenAI's files: what batches are made of, and what they answer with.",
  batches: "OpenAI's batches: many requests in one file.",
  ledger: 'What every call cost: append-only.',
  keys: 'API keys, their roles and limits, and the log of administrative acts.',
  webhooks: 'What became of the webhooks that were asked for.',
  callbacks: 'What deployments report of their own.',
  'dead letters': 'Jobs that failed for good: to be looked at, made again, or given up.',
  erasure: 'Erasing what was asked and answered, where only hashes and figures stay.',
  operations: 'The health of the process, and what operators change while it runs.',
};

/** The tags of the operations, in the order in which they first occur. */
export function tagsOf(operations: readonly Operation[]): { name: string; description: string }[] {
  return [...new Set(operations.map(({ tag }) => tag))].map((name) => {
    const description = TAGS[name];
    if (description === undefined) throw new Error(`the tag ${name} has no description in openapi-tags.ts`);
    return { name, description };
  });
}
