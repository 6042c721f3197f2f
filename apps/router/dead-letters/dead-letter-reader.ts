import {
  ProblemError,
  deadLetterQuerySchema,
  deadLetterSummaryQuerySchema,
  parseRequest,
  type DeadLetterBodyFilter,
  type DeadLetterSummaryView,
} from '#contracts';
import { hasRole, seesAllTenants, type Caller } from '#domain';
import {
  countDeadLetters,
  findDeadLetter,
  groupDeadLetters,
  listDeadLetters,
  readDeadAttempts,
  type Database,
  type DeadAttemptRow,
  type DeadLetterFilter,
  type DeadLetterRow,
} from '#persistence';
import type { Endpoints } from '../engine/endpoints.js';
import { isUuid } from '../http/ids.js';

/** @throws ProblemError DEAD_LETTER_NOT_FOUND: what is no id names none */
export function letterIdOf(text: string): string {
  if (!isUuid(text)) throw letterNotFound();
  return text.toLowerCase();
}

export function letterNotFound(): ProblemError {
  return new ProblemError('DEAD_LETTER_NOT_FOUND', 'no dead letter has this id');
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetterRow[];
  readonly nextCursor: string | null;
  /** Of all that the filter matches. */
  readonly counts: Awaited<ReturnType<typeof countDeadLetters>>;
}

export interface DeadLetterDetail {
  readonly letter: DeadLetterRow;
  readonly attempts: readonly DeadAttemptRow[];
}

/** Reads jobs that failed for good. */
export class DeadLetterReader {
  constructor(
    private readonly database: Database,
    private readonly endpoints: Endpoints,
  ) {}

  /**
   * What a caller may mean by a filter: only its own tenant's, unless it sees everybody's.
   * @throws ProblemError FORBIDDEN where the filter would tell which endpoints there are
   */
  filterOf(
    given: DeadLetterBodyFilter & { readonly state?: DeadLetterFilter['state'] },
    caller: Caller,
  ): DeadLetterFilter {
    if (given.endpoint !== undefined) refuseEndpoint(caller);
    const { code, model, endpoint, since, until, state, poison } = given;
    const region =
      given.region === undefined ? undefined : (this.endpoints.resolveRegion(given.region) ?? given.region);
    const base = { code, region, model, endpoint, since, until, state, poison, taskType: given.task_type };
    const operates = seesAllTenants(caller);
    const own = operates ? given.tenant : caller.tenant;
    return {
      ...base,
      runId: given.run_id,
      // By a model customers find no tasks: that would tell which one does them.
      hidesTaskModels: !operates,
      // Another tenant's letters are not there: a tenant of this name has none.
      tenant: given.tenant !== undefined && given.tenant !== own ? '' : own,
    };
  }

  async list(query: unknown, caller: Caller): Promise<DeadLetterPage> {
    const { limit, cursor, ...given } = parseRequest(deadLetterQuerySchema, query);
    const filter = this.filterOf(given, caller);
    const [letters, counts] = await Promise.all([
      listDeadLetters(this.database, filter, limit + 1, cursor),
      countDeadLetters(this.database, filter),
    ]);
    const page = letters.slice(0, limit);
    return {
      letters: page,
      nextCursor: letters.length > limit ? (page.at(-1)?.letterNo ?? null) : null,
      counts,
    };
  }

  async summary(query: unknown, caller: Caller): Promise<DeadLetterSummaryView> {
    const { limit, group_by: groupBy, ...given } = parseRequest(deadLetterSummaryQuerySchema, query);
    if (groupBy.includes('endpoint')) refuseEndpoint(caller);
    const groups = await groupDeadLetters(this.database, this.filterOf(given, caller), groupBy, limit);
    return {
      group_by: groupBy,
      groups: groups.map(({ oldestAt, newestAt, ...group }) => ({
        ...group,
        oldest_at: oldestAt.toISOString(),
        newest_at: newestAt.toISOString(),
      })),
    };
  }

  /** @throws ProblemError DEAD_LETTER_NOT_FOUND */
  async read(id: string): Promise<DeadLetterDetail> {
    const jobId = letterIdOf(id);
    const letter = await findDeadLetter(this.database, jobId);
    if (letter === undefined) throw letterNotFound();
    return { letter, attempts: await readDeadAttempts(this.database, jobId) };
  }
}

function refuseEndpoint(caller: Caller): void {
  if (!hasRole(caller, 'operate'))
    throw new ProblemError('FORBIDDEN', 'endpoint: needs a key with the role "operate"');
}
