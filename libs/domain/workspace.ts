const MODAL_HOST = /^([a-z0-9-]+?)--.*\.modal\.(?:run|direct)$/;

/**
 * Names the provider's account behind an endpoint, where budget, rate limit and credentials are shared: what the
 * configuration says, otherwise what the URL does. Modal puts it into the host, `<workspace>--<label>.modal.run`; of
 * any other host the origin is taken.
 */
export function workspaceOf({ url, workspace }: { url: string; workspace?: string | undefined }): string {
  if (workspace !== undefined) return workspace;
  const { hostname, origin } = new URL(url);
  return MODAL_HOST.exec(hostname)?.[1] ?? origin;
}

/** Whether the URL is served by Modal itself, whose limits are known. */
export function isModalUrl(url: string): boolean {
  return /\.modal\.(?:run|direct)$/.test(new URL(url).hostname);
}
