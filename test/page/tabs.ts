import type { OpenPage, OpenedPage, Page } from './browser.js';

/** A tab for each key, opened when it is first needed: to go on to another view takes a tenth of what opening one takes. */
export class Tabs {
  private readonly opened = new Map<string, OpenedPage>();

  constructor(
    private readonly open: OpenPage,
    /** The router's. */
    private readonly url: () => string,
  ) {}

  /** @param place of the page: `/runs` */
  async at(place: string, key: string): Promise<Page> {
    const known = this.opened.get(key);
    if (known !== undefined) {
      await known.page.goto(`${this.url()}/#${place}`);
      return known.page;
    }
    const opened = await this.open(this.url(), place, { key });
    this.opened.set(key, opened);
    return opened.page;
  }

  /** What tabs did that they should not have done: see `OpenedPage`. */
  faults(): string[] {
    return [...this.opened.values()].flatMap(({ strangers, complaints }) => [...strangers, ...complaints]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.opened.values()].map((opened) => opened.close()));
  }
}
