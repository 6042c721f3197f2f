/** Injection tokens of values that are not classes. */
export const RequestLimitsToken = Symbol('RequestLimits');
export const ConfigurationToken = Symbol('Configuration');
export const LoggerToken = Symbol('Logger');
export const ConnectionToken = Symbol('NatsConnection');
