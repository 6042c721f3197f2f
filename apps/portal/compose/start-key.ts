/** The part of `sessionStorage` that is used. */
export interface TextStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

const NAME = 'beacon.compose.start';

/**
 * The `Idempotency-Key` of a start. One body has one key until the router has answered: a double click, an answer that was
 * lost, and a page that was loaded again meanwhile all start the same run.
 */
export class StartKeys {
  private current: { readonly body: string; readonly key: string } | undefined;

  constructor(
    private readonly store: () => TextStore,
    private readonly newKey: () => string,
  ) {}

  /** @param body as it is sent */
  keyFor(body: string): string {
    const known = this.current ?? this.stored();
    if (known?.body === body) return known.key;
    this.current = { body, key: this.newKey() };
    this.write(JSON.stringify(this.current));
    return this.current.key;
  }

  /** The run of that key is there: starting the same body again is another run. */
  answered(key: string): void {
    if ((this.current ?? this.stored())?.key !== key) return;
    this.current = undefined;
    this.write(undefined);
  }

  private stored(): { readonly body: string; readonly key: string } | undefined {
    try {
      const found: unknown = JSON.parse(this.store().getItem(NAME) ?? 'null');
      if (typeof found !== 'object' || found === null) return undefined;
      const { body, key } = found as { body?: unknown; key?: unknown };
      return typeof body === 'string' && typeof key === 'string' ? { body, key } : undefined;
    } catch {
      return undefined;
    }
  }

  private write(text: string | undefined): void {
    try {
      if (text === undefined) this.store().removeItem(NAME);
      else this.store().setItem(NAME, text);
    } catch {
      // Nothing may be stored, or it is too long: the key lives as long as the page.
    }
  }
}

/** Works without a secure context, too, where `crypto.randomUUID` is missing. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
