/** The routes that were registered, to tell a wrong method from a wrong path. */
export class RouteTable {
  private readonly routes: { methods: readonly string[]; pattern: RegExp; url: string }[] = [];

  add(method: string | readonly string[], url: string): void {
    const methods = (typeof method === 'string' ? [method] : method).filter(
      (name) => name !== 'HEAD' && name !== 'OPTIONS',
    );
    const source = url
      .split('/')
      .map((part) =>
        part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('/');
    this.routes.push({ methods, pattern: new RegExp(`^${source}$`), url });
  }

  methodsOf(path: string): string[] {
    const exact = this.routes.filter(({ pattern, url }) => !url.includes('*') && pattern.test(path));
    return [...new Set(exact.flatMap(({ methods }) => methods))].sort();
  }

  /** The names of all routes. */
  list(): string[] {
    return this.routes.flatMap(({ methods, url }) => methods.map((method) => routeName(method, url)));
  }
}

/** `METHOD /path/{param}`, as OpenAPI spells it. A HEAD is a GET without the body. */
export function routeName(method: string, url: string): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url.replace(/:([A-Za-z_]+)/g, '{$1}')}`;
}
