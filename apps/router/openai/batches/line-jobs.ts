import type { Configuration } from '#config';
import {
  ProblemError,
  batchIdOf,
  chatCompletionOf,
  chatRequestSchema,
  completionRequestSchema,
  inferenceRequestSchema,
  jobOfChat,
  jobsOfCompletion,
  parseRequest,
  placeOf,
  textCompletionOf,
  toldBy,
  type AnsweredJob,
  type ChatCompletion,
  type InferenceRequest,
  type JobPlace,
  type TextCompletion,
} from '#contracts';
import { keptWords, readBatchLine, type BatchEndpoint, type KeyLimits, type LineFault } from '#domain';
import type { Logger } from '#observability';
import type { BatchAsks } from '#persistence';
import { requestLimitsOf } from '../../http/request-limits.js';
import type { JobPlacement } from '../../jobs/job-placement.js';
import { namedModel, type Deployed } from '../named-model.js';

/** What lines of one batch have in common. */
export interface LineContext {
  /** UUID. */
  readonly batchId: string;
  readonly endpoint: BatchEndpoint;
  readonly asks: BatchAsks;
  readonly expiresAt: Date;
  readonly limits: KeyLimits;
}

/** Why a line cannot be asked. */
export interface RefusedLine {
  readonly fault: LineFault;
  /** What the door says of its body; undefined: its frame is wrong, or Beacon is. */
  readonly problem?: ProblemError;
}

export interface AskableLine {
  readonly customId: string;
  /** Name of the model, as the line spells it. */
  readonly modelName: string;
  readonly request: InferenceRequest;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads lines as the door reads bodies: a line is refused for what a request of its own would be refused for. */
export class LineJobs {
  private readonly jobSchema: ReturnType<typeof inferenceRequestSchema>;

  constructor(
    configuration: Configuration,
    private readonly endpoints: Deployed,
    private readonly placement: Pick<JobPlacement, 'place'>,
    private readonly logger: Logger,
  ) {
    this.jobSchema = inferenceRequestSchema(requestLimitsOf(configuration));
  }

  /** @param content without its line break */
  read(content: Buffer, lineNo: number, context: LineContext): { readonly line: AskableLine } | RefusedLine {
    let text: string;
    try {
      text = utf8.decode(content);
    } catch {
      return {
        fault: { code: 'invalid_json_line', message: 'This line is not UTF-8.', param: null, line: lineNo },
      };
    }
    const read = readBatchLine(text, lineNo, context.endpoint);
    if ('fault' in read) return read;
    try {
      const { customId, body } = read.framed;
      return { line: { customId, ...this.jobOf(body, lineNo, context) } };
    } catch (error) {
      if (error instanceof ProblemError) return { fault: faultOf(error, lineNo), problem: error };
      // Nothing but the line and the configuration was looked at, so it would be the same again.
      const { batchId } = context;
      this.logger.error(
        { event: 'batch.line_not_read', batch_id: batchIdOf(batchId), line: lineNo, err: error },
        'a line of a batch cannot be read',
      );
      const message = 'This line cannot be read, by a fault of the server.';
      return { fault: { code: 'internal_error', message, param: null, line: lineNo } };
    }
  }

  /**
   * The answer to a line, as the door would have answered, also where the door has become stricter since it was asked.
   * @param content of the line  @throws where that is no JSON
   */
  answerOf(content: Buffer, endpoint: BatchEndpoint, job: AnsweredJob): ChatCompletion | TextCompletion {
    const { body } = JSON.parse(utf8.decode(content)) as { body: unknown };
    const told = toldBy(body);
    const request = told.model === '' ? { ...told, model: job.result.model } : told;
    switch (endpoint) {
      case '/v1/chat/completions':
        return chatCompletionOf(request, job);
      case '/v1/completions':
        return textCompletionOf(request, [job]);
    }
  }

  private jobOf(
    body: unknown,
    lineNo: number,
    { batchId, endpoint, asks, expiresAt, limits }: LineContext,
  ): Pick<AskableLine, 'modelName' | 'request'> {
    const asked =
      endpoint === '/v1/chat/completions'
        ? { chat: parseRequest(chatRequestSchema, body) }
        : { text: parseRequest(completionRequestSchema, body) };
    const { model: modelName, stream } = 'chat' in asked ? asked.chat : asked.text;
    if (stream === true)
      throw invalid('stream', 'must be false or left out: a batch has nobody to stream to');
    if ('text' in asked && Array.isArray(asked.text.prompt) && asked.text.prompt.length !== 1)
      throw invalid('prompt', 'must be one prompt: write a line for each');
    const resolveRegion = (name: string): string | undefined => this.endpoints.resolveRegion(name);
    const named = namedModel(modelName, this.endpoints, limits);
    const asPlaced = placeOf(named, asks.headers, resolveRegion);
    const own = asPlaced.deadline;
    const place: JobPlace = {
      ...asPlaced,
      priority: asks.priority,
      deadline: own !== undefined && Date.parse(own) < expiresAt.getTime() ? own : expiresAt.toISOString(),
      metadata: { ...asPlaced.metadata, batch_id: batchIdOf(batchId), batch_line: String(lineNo) },
    };
    const [job] = 'chat' in asked ? [jobOfChat(asked.chat, place)] : jobsOfCompletion(asked.text, place);
    const request = parseRequest(this.jobSchema, job);
    // Where it goes is decided when it is asked; here only that it can go somewhere.
    this.placement.place(
      {
        ...{ model: request.model, priority: request.priority, regionPolicy: request.region_policy },
        preferred:
          request.region_preference === undefined
            ? undefined
            : this.endpoints.resolveRegion(request.region_preference),
      },
      limits,
    );
    return { modelName, request };
  }
}

function invalid(field: string, message: string): ProblemError {
  return new ProblemError('VALIDATION_FAILED', `${field}: ${message}`, [{ field, message }]);
}

function faultOf({ code, detail, errors }: ProblemError, line: number): LineFault {
  const field = errors[0]?.field ?? null;
  return {
    code: code === 'UNKNOWN_MODEL' ? 'model_not_found' : 'invalid_request',
    message: keptWords(detail),
    param: field === null ? 'body' : keptWords(`body.${field}`),
    line,
  };
}
