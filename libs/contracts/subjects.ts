/**
 * NATS subjects, stream and consumer names. Region and endpoint names come from the configuration, whose
 * alphabet is letters, digits, `.`, `_` and `-`; a dot would split a token, so it is escaped.
 */
export function subjectToken(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll('.', '=2E');
}

export const OUTCOMES_STREAM = 'OUTCOMES';
export const OUTCOMES_SUBJECTS = 'beacon.outcomes.>';
export const RECORDER_CONSUMER = 'recorder';
/** Kept in the server's memory, so that it is empty after each start: its first message tells since when the server runs. */
export const LIFE_STREAM = 'BEACON_LIFE';
export const LIFE_SUBJECT = 'beacon.life';
/** KV bucket of result URLs and call ids by which a running call can be found again. */
export const CALLS_BUCKET = 'beacon_calls';

export const dispatchStream = (region: string): string => `DISPATCH_${subjectToken(region)}`;
export const dispatchSubjects = (region: string): string => `beacon.dispatch.${subjectToken(region)}.>`;
export const dispatchSubject = (region: string, endpointId: string, jobId: string): string =>
  `beacon.dispatch.${subjectToken(region)}.${subjectToken(endpointId)}.${jobId}`;
export const endpointConsumer = (endpointId: string): string => `endpoint_${subjectToken(endpointId)}`;
export const endpointConsumerFilter = (region: string, endpointId: string): string =>
  `beacon.dispatch.${subjectToken(region)}.${subjectToken(endpointId)}.*`;

export const outcomeSubject = (region: string, jobId: string, epoch: number): string =>
  `beacon.outcomes.${subjectToken(region)}.${jobId}.${epoch}`;

/** Outcomes of a job, of whatever epoch. */
export const outcomesOfJob = (region: string, jobId: string): string =>
  `beacon.outcomes.${subjectToken(region)}.${jobId}.*`;

/** Names a ticket. It is its message id, by which JetStream drops a second copy. */
export const messageId = (jobId: string, epoch: number): string => `${jobId}:${epoch}`;
/** KV key of a running call: the attempt, because a ticket issued again is still the same call. */
export const callKey = (jobId: string, attempt: number): string => `${jobId}.${attempt}`;

// Core NATS: hints and control. Losing one costs time, never work.
export const startedSubject = (region: string): string => `beacon.started.${subjectToken(region)}`;
export const ALL_STARTED = 'beacon.started.*';
export const heartbeatSubject = (region: string): string => `beacon.heartbeat.${subjectToken(region)}`;
export const ALL_HEARTBEATS = 'beacon.heartbeat.*';
export const cancelSubject = (region: string): string => `beacon.control.${subjectToken(region)}.cancel`;
export const probeSubject = (region: string): string => `beacon.control.${subjectToken(region)}.probe`;
/** Request and reply: an endpoint's autoscaler is to be told something. One dispatcher of the region does it. */
export const autoscalerSubject = (region: string): string =>
  `beacon.control.${subjectToken(region)}.autoscaler`;
/** Request; the dispatcher that holds the ticket replies: a ticket whose call has not begun is to be given back. */
export const withdrawSubject = (region: string): string => `beacon.control.${subjectToken(region)}.withdraw`;
export const callEndedSubject = (region: string): string =>
  `beacon.control.${subjectToken(region)}.call-ended`;
/** Request and reply: is this ticket still wanted? Asked before a redelivered ticket is worked on. */
export const TICKET_CHECK = 'beacon.tickets.check';
/** Request, many replies: the metrics of every process, so that one scrape of the router covers them all. */
export const METRICS = 'beacon.metrics';
export const JOB_EVENTS = 'beacon.events.job';
/** An operator changed something, or it ended by itself: routers and the runner look at once. */
export const CONTROL_EVENTS = 'beacon.events.control';
export const RUN_EVENTS = 'beacon.events.run';
/** A client created, cancelled or decided something about a run: the runner looks at once. Same body as RUN_EVENTS. */
export const RUN_REQUESTS = 'beacon.control.run';
