import { randomBytes } from 'node:crypto';
import type { StandInConfiguration } from '../configuration/configuration.js';
import type { Call } from '../simulation/call.js';

/** What is known of a call that was answered 303 at least once. */
interface Linked {
  readonly call: Call;
  readonly tokens: string[];
}

/** Rules 12 and 13: which token leads to which call. A call has none until its first 303. */
export class ResultLinks {
  readonly #byToken = new Map<string, Linked>();
  readonly #byCall = new Map<Call, Linked>();

  constructor(private readonly settings: StandInConfiguration['result_url']) {}

  get parameter(): string {
    return this.settings.parameter;
  }

  /**
   * @returns the `Location` of a 303 for the call. An attempt token is fresh every time and the earlier ones
   * stay good; a function call id is the call's own.
   */
  mint(call: Call, origin: string): string {
    const token =
      this.settings.parameter === '__modal_function_call_id'
        ? call.id
        : randomBytes(24).toString('base64url');
    const linked = this.#byCall.get(call) ?? { call, tokens: [] };
    linked.tokens.push(token);
    this.#byCall.set(call, linked);
    this.#byToken.set(token, linked);
    const location = `${call.endpoint.path}?${this.settings.parameter}=${token}`;
    return this.settings.location === 'absolute' ? `${origin}${location}` : location;
  }

  /** @returns the token in a query, or `undefined` where the query holds none */
  tokenIn(query: string): string | undefined {
    if (query === '') return undefined;
    return new URLSearchParams(query).get(this.settings.parameter) ?? undefined;
  }

  find(token: string): Call | undefined {
    return this.#byToken.get(token)?.call;
  }

  forget(call: Call): void {
    for (const token of this.#byCall.get(call)?.tokens ?? []) this.#byToken.delete(token);
    this.#byCall.delete(call);
  }
}
