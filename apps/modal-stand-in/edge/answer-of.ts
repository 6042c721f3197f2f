import type { Call, CallEnd } from '../simulation/call.js';
import { modalReply, type Reply } from './exchange.js';

const THOUSANDTHS = 1000;

/**
 * The reply to a call that ended.
 * @param withFaults false when the result is read again: a broken delivery leaves the result whole
 */
export function answerOf(call: Call, withFaults: boolean): Reply {
  const { end } = call;
  if (end === undefined || end.kind === 'cancelled') return modalReply('missing_request', call.id);
  if (end.kind === 'failed') return modalReply(end.reply, call.id);
  if (end.kind === 'model_error') return modelError(call, end.error);
  const fault = withFaults ? call.plan.answer : undefined;
  switch (fault?.kind) {
    case undefined:
      return { kind: 'json', status: 200, body: success(call, end), callId: call.id };
    case 'status':
      return modalReply(fault.body, call.id, fault.retryAfterS);
    case 'reset':
      return { kind: 'reset' };
    case 'truncated':
      return { kind: 'truncated', body: success(call, end) };
    case 'model_error':
      return modelError(call, fault.error);
  }
}

function modelError(call: Call, error: string): Reply {
  return { kind: 'json', status: 200, body: { status: 'error', error }, callId: call.id };
}

/** The endpoint protocol `modal-hf`. */
export function success({ endpoint, request, plan }: Call, end: CallEnd & { kind: 'answered' }): unknown {
  return {
    status: 'success',
    response: end.answer.response,
    model: request.model,
    inference_time: Math.round(end.inferenceS * THOUSANDTHS) / THOUSANDTHS,
    region: plan.attests ?? endpoint.attested_region,
    tokens_generated: end.answer.tokensGenerated,
    tokens_in: end.answer.tokensIn,
    gpu: endpoint.gpu,
    model_revision: end.answer.modelRevision,
    /** Rule 29: `MODAL_REGION` in the container. */
    cloud_region: plan.attests ?? endpoint.cloud_region,
    container_id: end.containerId,
    cold_start: end.coldStart,
  };
}
