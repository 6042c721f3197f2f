import { createHash, timingSafeEqual } from 'node:crypto';
import { Body, Controller, Headers, HttpCode, Inject, Post } from '@nestjs/common';
import {
  ProblemError,
  callbackSchema,
  parseRequest,
  subjects,
  type CallEnded,
  type CallbackAccepted,
} from '#contracts';
import { publishJson, type NatsConnection } from '#messaging';
import { Metrics, type Logger } from '#observability';
import { Endpoints } from '../engine/endpoints.js';
import { ConnectionToken, LoggerToken, WebhookSecretToken } from '../http/tokens.js';

/** Deployments that call back when a job has ended. Without them jobs are polled; with them, sooner. */
@Controller('api/webhooks/modal')
export class CallbacksController {
  constructor(
    @Inject(Endpoints) private readonly endpoints: Endpoints,
    @Inject(ConnectionToken) private readonly connection: NatsConnection,
    @Inject(WebhookSecretToken) private readonly secret: { readonly value: string | undefined },
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(LoggerToken) private readonly logger: Logger,
  ) {}

  @Post('task-complete')
  @HttpCode(202)
  report(@Headers('x-webhook-secret') given: string | undefined, @Body() body: unknown): CallbackAccepted {
    if (!isSecret(given, this.secret.value)) {
      this.metrics.count('beacon_callbacks_total', { result: 'refused' });
      throw new ProblemError('CALLBACK_REFUSED', 'X-Webhook-Secret: is missing or wrong', [
        { field: 'X-Webhook-Secret', message: 'must be the value of BEACON_WEBHOOK_SECRET' },
      ]);
    }
    const { jobId, attempt } = parseRequest(callbackSchema, body);
    const ended: CallEnded = { job_id: jobId, attempt };
    // Whoever holds the attempt knows it; asking the database which region that is would take longer.
    for (const region of this.endpoints.regions)
      publishJson(this.connection, subjects.callEndedSubject(region), ended);
    this.metrics.count('beacon_callbacks_total', { result: 'accepted' });
    this.logger.info({ event: 'callback.accepted', job_id: jobId, attempt }, 'an endpoint reports an end');
    return { accepted: true };
  }
}

/** In constant time, whatever the lengths. Without a secret nothing is accepted. */
function isSecret(given: string | undefined, secret: string | undefined): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(secret ?? '')) && secret !== undefined;
}
