/** The real model cannot be loaded; the message says what to do. */
export class RealModelError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RealModelError';
  }
}
