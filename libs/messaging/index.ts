export { BrokerLife, type BrokerLifeOptions } from './broker-life.js';
export { CallStore, type FoundAttempt } from './call-store.js';
export { connectNats, type NatsConnection, type NatsOptions } from './connection.js';
export {
  DurableConsumer,
  type Delivery,
  type DurableConsumerOptions,
  type JsMsg,
} from './durable-consumer.js';
export {
  decodeJson,
  encodeJson,
  extendAck,
  gatherJson,
  publishJson,
  replyJson,
  requestJson,
  subscribeJson,
} from './json.js';
export { OutcomePublisher } from './outcome-publisher.js';
export { TicketPublisher } from './ticket-publisher.js';
export { OUTCOME_ACK_WAIT_MS, TICKET_ACK_WAIT_MS, Topology } from './topology.js';
