import { autoscalerRequestSchema, subjects, type AutoscalerReply, type AutoscalerRequest } from '#contracts';
import { tellAutoscaler, type HttpClient } from '#endpoint-client';
import { replyJson, subscribeJson, type NatsConnection } from '#messaging';
import type { Logger } from '#observability';
import type { RegionEndpoint } from './region-endpoints.js';

/** One dispatcher of a region tells the platform; two would be two requests, and the second answer would be lost. */
const QUEUE = 'autoscaler';

/** Answers the router's requests about the autoscalers of a region's endpoints. */
export function openAutoscalerDesk(
  connection: NatsConnection,
  region: string,
  endpoints: readonly RegionEndpoint[],
  client: HttpClient['axios'],
  logger: Logger,
): void {
  subscribeJson(
    connection,
    subjects.autoscalerSubject(region),
    autoscalerRequestSchema,
    (request, message) => {
      void tell(request, endpoints, client).then((reply) => {
        note(request, reply, logger);
        replyJson(message, reply);
      });
    },
    undefined,
    QUEUE,
  );
}

async function tell(
  request: AutoscalerRequest,
  endpoints: readonly RegionEndpoint[],
  client: HttpClient['axios'],
): Promise<AutoscalerReply> {
  const endpoint = endpoints.find(({ id }) => id === request.endpoint_id);
  if (endpoint === undefined)
    return { kind: 'error', error: 'not_configured', detail: 'this dispatcher has no such endpoint' };
  return tellAutoscaler(client, endpoint, request);
}

function note(request: AutoscalerRequest, reply: AutoscalerReply, logger: Logger): void {
  const { endpoint_id, action } = request;
  if (reply.kind === 'error')
    logger.warn(
      { event: 'autoscaler.failed', endpoint_id, action, error: reply.error, detail: reply.detail },
      'an endpoint could not be told what its containers are to do',
    );
  else
    logger.info(
      { event: 'autoscaler.told', endpoint_id, action, ...reply },
      'an endpoint was told what its containers are to do',
    );
}
