import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { callbackSchema, parseRequest, subjects, type CallEnded, type CallbackAccepted } from '#contracts';
import { publishJson, type NatsConnection } from '#messaging';
import { Metrics, type Logger } from '#observability';
import { Database, readCurrentAttempt } from '#persistence';
import { Endpoints } from '../engine/endpoints.js';
import { ConnectionToken, LoggerToken } from '../http/tokens.js';

/**
 * Deployments that call back when a job has ended. Without them jobs are polled; with them, sooner. Whoever holds the
 * attempt is told to look; a report of what nobody holds, because it is over, unknown or made up, makes nobody do anything,
 * so reports may be repeated and replayed. All are answered alike: the answer tells nothing about jobs. The secret has
 * been asked for before (guard-callbacks.ts).
 */
@Controller('api/webhooks/modal')
export class CallbacksController {
  constructor(
    @Inject(Endpoints) private readonly endpoints: Endpoints,
    @Inject(Database) private readonly database: Database,
    @Inject(ConnectionToken) private readonly connection: NatsConnection,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LoggerToken) private readonly logger: Logger,
  ) {}

  @Post('task-complete')
  @HttpCode(202)
  async report(@Body() body: unknown): Promise<CallbackAccepted> {
    const { jobId, attempt: given } = parseRequest(callbackSchema, body);
    const attempt = given ?? (await readCurrentAttempt(this.database, jobId));
    if (attempt !== undefined) {
      const ended: CallEnded = { job_id: jobId, attempt };
      // Whoever holds the attempt knows it; asking the database which region that is would take longer.
      for (const region of this.endpoints.regions)
        publishJson(this.connection, subjects.callEndedSubject(region), ended);
    }
    this.metrics.count('beacon_callbacks_total', { result: 'accepted' });
    this.logger.info({ event: 'callback.accepted', job_id: jobId, attempt }, 'an endpoint reports an end');
    return { accepted: true };
  }
}
