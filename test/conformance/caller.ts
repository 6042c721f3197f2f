import type { Target } from './target.js';

export interface Asked {
  readonly method?: string;
  readonly url: string;
  /** JSON, or text that is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the target's own; `null`: none. */
  readonly credentials?: Readonly<Record<string, string>> | null;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** Asks a target as a careful client would: redirects are seen, not followed. */
export class Caller {
  constructor(private readonly target: Target) {}

  async ask({
    method,
    url,
    body,
    headers,
    credentials = this.target.credentials ?? null,
  }: Asked): Promise<Answered> {
    const response = await fetch(url, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      redirect: 'manual',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...credentials,
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  /** Makes a call and follows its 303s by hand. @returns the final answer */
  async call(body: unknown, url = this.target.urlOf(this.target.models[0])): Promise<Answered> {
    const asked = body as { model?: string };
    let answer = await this.ask({
      url: asked.model === undefined ? url : this.urlFor(asked.model, url),
      body,
    });
    while (answer.status === 303)
      answer = await this.ask({ url: new URL(answer.headers.get('location') ?? '', url).href });
    return answer;
  }

  private urlFor(model: string, otherwise: string): string {
    return this.target.models.includes(model) ? this.target.urlOf(model) : otherwise;
  }
}

export function jsonOf(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}
