export { identifyProcess, type ProcessIdentity } from '#machine-tools';
export { findFreePort, isPortFree } from './free-port.js';
export { lastLines, openLog } from './log-file.js';
export { makeFolder } from './make-folder.js';
export { type NatsPermissions, type NatsUser } from './nats/config-file.js';
export { startNats, type NatsOptions, type NatsServer } from './nats/start-nats.js';
export {
  findNatsServer,
  NatsServerBinError,
  NatsServerNotFoundError,
  type FindNatsServerOptions,
  type FoundNatsServer,
} from './nats-server/find.js';
export { wasPortTaken } from './port-taken.js';
export { startPostgres, type PostgresOptions, type PostgresServer } from './postgres/start-postgres.js';
export { stopLeftover } from './process-identity.js';
export { ServiceStartError } from './service-error.js';
export {
  settlesWithin,
  superviseChild,
  type ProcessExit,
  type ServiceProcess,
  type StopStep,
} from './service-process.js';
