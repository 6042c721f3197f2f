import type { AnswerOf, QueryOf } from '#router-client';

/** A page of entries; the route answers in other forms, too, where it is asked to. */
export type EntryPage = Exclude<AnswerOf<'/ledger', 'get'>, string>;
export type Entry = EntryPage['entries'][number];
export type LedgerQuery = QueryOf<'/ledger', 'get'>;
export type Group = NonNullable<QueryOf<'/ledger/summary', 'get'>['group_by']>;

export const GROUPS: readonly Group[] = [
  ...([
    'day',
    'model',
    'region',
    'run',
    'tenant',
    'key',
    'endpoint',
    'provider',
    'outcome',
    'task_type',
    'job',
  ] as const),
];
export const OUTCOMES: readonly Entry['outcome'][] = [
  ...(['succeeded', 'failed', 'refused', 'cancelled', 'lost', 'orphaned'] as const),
];

/** Which entries are summed and listed, as it was typed; empty: any. */
export interface LedgerFilter {
  /** UTC days: the first one, and the last one that counts. */
  readonly from: string;
  readonly to: string;
  readonly model: string;
  readonly region: string;
  readonly tenant: string;
  readonly runId: string;
  readonly jobId: string;
  readonly keyId: string;
  readonly endpoint: string;
  readonly outcome: Entry['outcome'] | '';
}

export const ALL_ENTRIES: LedgerFilter = {
  from: '',
  to: '',
  model: '',
  region: '',
  tenant: '',
  runId: '',
  jobId: '',
  keyId: '',
  endpoint: '',
  outcome: '',
};

const DAY_MS = 86_400_000;

export function queryOf(filter: LedgerFilter): LedgerQuery {
  const given = (name: string, text: string): Record<string, string> =>
    text.trim() === '' ? {} : { [name]: text.trim() };
  return {
    ...given('from', dayStart(filter.from, 0)),
    // The API's bound is the first moment that does not count any more.
    ...given('to', dayStart(filter.to, 1)),
    ...given('model', filter.model),
    ...given('region', filter.region),
    ...given('tenant', filter.tenant),
    ...given('run_id', filter.runId),
    ...given('job_id', filter.jobId),
    ...given('key_id', filter.keyId),
    ...given('endpoint_id', filter.endpoint),
    ...(filter.outcome === '' ? {} : { outcome: filter.outcome }),
  };
}

/** @param day `2026-12-01`  @param later days after it; empty where it is none */
function dayStart(day: string, later: number): string {
  const at = Date.parse(`${day}T00:00:00Z`);
  return day === '' || Number.isNaN(at) ? '' : new Date(at + later * DAY_MS).toISOString();
}

/** The filter that shows the entries of one group of a summary. */
export function filterOfGroup(filter: LedgerFilter, group: Group, value: string): LedgerFilter | undefined {
  switch (group) {
    case 'day':
      return { ...filter, from: value, to: value };
    case 'model':
      return { ...filter, model: value };
    case 'region':
      return { ...filter, region: value };
    case 'run':
      return { ...filter, runId: value };
    case 'job':
      return { ...filter, jobId: value };
    case 'tenant':
      return { ...filter, tenant: value };
    case 'key':
      return { ...filter, keyId: value };
    case 'endpoint':
      return { ...filter, endpoint: value };
    case 'outcome': {
      const outcome = OUTCOMES.find((each) => each === value);
      return outcome === undefined ? undefined : { ...filter, outcome };
    }
    case 'provider':
    case 'task_type':
      return undefined;
  }
}

/** Address of what the filter matches, as a table for spreadsheets. */
export function csvPath(query: LedgerQuery): string {
  const params = new URLSearchParams({ format: 'csv' });
  for (const [name, value] of Object.entries(query)) params.set(name, String(value));
  return `/ledger?${params.toString()}`;
}
