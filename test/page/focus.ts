import type { Locator } from 'playwright-core';

/** Waits until the focus is on the element: effects of React may put it there after the element is in sight. */
export async function expectFocus(on: Locator): Promise<void> {
  await on.and(on.page().locator(':focus')).waitFor();
}
