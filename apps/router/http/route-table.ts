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

  /** `METHOD /path/{param}` of every route, as OpenAPI spells it. */
  list(): string[] {
    return this.routes.flatMap(({ methods, url }) =>
      methods.map((method) => `${method} ${url.replace(/:([A-Za-z_]+)/g, '{$1}')}`),
    );
  }
}
