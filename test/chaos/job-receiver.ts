import { LocalEndpoint, type Exchange } from '#testing';

/** One request of a webhook. */
export interface Told {
  readonly receiver: number;
  readonly id: string;
  readonly timestampS: number;
  readonly signature: string;
  readonly body: string;
  /** Whether it was answered 200. */
  readonly isTaken: boolean;
}

/** Somebody who wants to be told of jobs, and who does not always say so: 503, or no answer, to some first tries. */
export class JobReceiver {
  readonly told: Told[] = [];
  private readonly seen = new Set<string>();

  private constructor(
    private readonly number: number,
    private readonly endpoint: LocalEndpoint,
  ) {
    endpoint.always((exchange) => this.answer(exchange));
  }

  static async start(number: number): Promise<JobReceiver> {
    return new JobReceiver(number, await LocalEndpoint.start());
  }

  get url(): string {
    return `${this.endpoint.origin}/jobs`;
  }

  close(): Promise<void> {
    return this.endpoint.close();
  }

  private answer({ headers, body, response }: Exchange): void {
    const id = String(headers['webhook-id']);
    // By the id, which is drawn: one event in eight is refused, and one in eight is taken without a word.
    const lot = this.seen.has(id) ? 0 : Number.parseInt(id.slice(-1), 16) % 8;
    this.seen.add(id);
    const isTaken = lot !== 1 && lot !== 2;
    this.told.push({
      ...{ receiver: this.number, id, body, isTaken },
      timestampS: Number(headers['webhook-timestamp']),
      signature: String(headers['webhook-signature']),
    });
    if (lot === 2) response.destroy();
    else response.writeHead(lot === 1 ? 503 : 200).end();
  }
}
