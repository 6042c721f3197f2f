export {
  deploymentOf,
  startBeacon,
  type Beacon,
  type BeaconOptions,
  type Deployment,
  type TestDispatcher,
} from './beacon.js';
export { BeaconClient, type Reply, type RequestOptions } from './beacon-client.js';
export { startTestNats, type TestNats } from './nats.js';
export { copyPostgresTemplate } from './postgres-template.js';
export { startTestDatabase, type TestDatabase } from './postgres.js';
export { TcpLink } from './tcp-link.js';
// Tests of whole systems meet the other libs here only.
export { mulberry32 } from '#domain';
export { identifyProcess } from '#embedded-services';
export { addExecutionTimes } from '#persistence';
export { makeUnremovable } from './unremovable-folder.js';
export { unhurried } from './unhurried.js';
export { until } from './until.js';
export { untilBlocked } from './until-blocked.js';
export { neverSilent } from './never-silent.js';
export { Upstream, UpstreamCall, answers, crashes, hangs, type Behaviour } from './upstream.js';
export { aReceipt, hashOf, signedReceipt, receiptKeyPair, type ReceiptKeyPair } from './receipt-builder.js';
export { aRun, type RunShape } from './run-builder.js';
export { StubRouter, type StubJob, type StubVerdict } from './stub-router.js';
export { FAKED_TIMEOUTS } from './faked-timeouts.js';
export { LocalEndpoint, answering, type Exchange, type Reply as EndpointReply } from './local-endpoint.js';
export { NameServer } from './name-server.js';
export { selfSigned } from './self-signed.js';
export { readPromQl, type PromQl, type Selector } from './promql.js';
export { findPromtool, OLDEST_PROMTOOL } from './promtool/find.js';
export { TraceCollector, type CollectedSpan } from './trace-collector.js';
