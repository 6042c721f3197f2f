/** A service could not be started on this machine. The message is for a person: what failed and what to do. */
export class ServiceStartError extends Error {
  constructor(
    readonly service: 'postgres' | 'nats',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ServiceStartError';
  }
}
