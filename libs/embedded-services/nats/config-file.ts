/** Subjects a user may use; left out: all. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer requests, wherever the asker wants the answer. */
  readonly respond?: boolean;
}

export interface NatsUser {
  readonly name: string;
  /** Letters, digits, "-" and "_" only: it goes into a URL and into the server's configuration. */
  readonly password: string;
  readonly permissions?: NatsPermissions;
}

export interface NatsConfig {
  /** Which the server shows to whoever connects: by it a start recognizes its own server. */
  readonly serverName: string;
  readonly port: number;
  readonly storeDir: string;
  readonly pidFile: string;
  readonly maxStoreBytes: number;
  /** None: the server takes anyone who can reach the loopback interface. */
  readonly users: readonly NatsUser[];
}

/** Job payloads hold whole conversations; the server's default of 1 MiB is too small for them. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;

/** @returns the text of a nats-server configuration that versions 2.9.10 and later understand */
export function renderNatsConfig(config: NatsConfig): string {
  const lines = [
    `server_name: ${quote(config.serverName)}`,
    `listen: "127.0.0.1:${config.port}"`,
    `pid_file: ${quote(config.pidFile)}`,
    `max_payload: ${MAX_PAYLOAD_BYTES}`,
    'jetstream {',
    `  store_dir: ${quote(config.storeDir)}`,
    `  max_memory_store: ${MAX_MEMORY_BYTES}`,
    `  max_file_store: ${config.maxStoreBytes}`,
    '}',
  ];
  if (config.users.length > 0) {
    lines.push(
      'authorization {',
      '  users: [',
      ...config.users.map((user) => `    ${renderUser(user)}`),
      '  ]',
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}

function renderUser({ name, password, permissions }: NatsUser): string {
  const parts = [`user: ${quote(name)}`, `password: ${quote(password)}`];
  if (permissions !== undefined) {
    const { publish, subscribe, respond = false } = permissions;
    const subjects = `publish: [${list(publish)}], subscribe: [${list(subscribe)}]`;
    parts.push(`permissions: { ${subjects}, allow_responses: ${respond} }`);
  }
  return `{ ${parts.join(', ')} }`;
}

function list(subjects: readonly string[]): string {
  return subjects.map(quote).join(', ');
}

function quote(text: string): string {
  return JSON.stringify(text);
}
