/**
 * Where the router is: the page is served by it, below whatever path a proxy puts before both.
 * @returns no slash at its end
 */
export function routerAddress(pageUrl: string): string {
  const { origin, pathname } = new URL('.', pageUrl);
  return `${origin}${pathname}`.replace(/\/+$/, '');
}
