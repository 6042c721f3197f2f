const MODAL_HOST = /^([a-z0-9-]+?)--.*\.modal\.(?:run|direct)$/;

/**
 * Names the provider's account behind an endpoint's URL, where budget, rate limit and credentials are shared.
 * Modal puts it into the host, `<workspace>--<label>.modal.run`; of any other host the origin is taken.
 * @param url absolute http(s) URL
 */
export function workspaceOf(url: string): string {
  const { hostname, origin } = new URL(url);
  return MODAL_HOST.exec(hostname)?.[1] ?? origin;
}

/** Whether the URL is served by Modal itself, whose limits are known. */
export function isModalUrl(url: string): boolean {
  return /\.modal\.(?:run|direct)$/.test(new URL(url).hostname);
}
