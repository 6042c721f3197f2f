import { resolve } from 'node:path';
import type { Settings } from '#config';

type Environment = Readonly<Record<string, string>>;
type Given = Readonly<Record<string, string | undefined>>;

/** Of the supervisor's own environment, what says how to run and nothing about Beacon. */
const RUN_NAMES = /^(PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|NODE_[A-Z_]+|SSL_CERT_(FILE|DIR))$/;
/** OpenTelemetry's own; settings that Beacon does not know are refused before any child is started. */
const TRACING_NAMES = /^OTEL_[A-Z_]+$/;
const PROXY_NAMES = /^(https?_proxy|no_proxy)$/i;
const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

export interface Connections {
  readonly host: string;
  readonly port: number;
  /** How the other processes reach the router. */
  readonly routerUrl: string;
  /** By which the router knows the runner. */
  readonly serviceToken: string;
  readonly configPath: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** With all rights. */
  readonly natsUrl: string;
  natsUrlOfDispatcher(region: string): string;
}

/** Each process gets what it needs to know and no other's secrets: a dispatcher has no way into the database. */
export class ChildEnvironments {
  constructor(
    private readonly given: Given,
    private readonly settings: Settings,
  ) {}

  standIn(): Environment {
    return this.base();
  }

  router(connections: Connections): Environment {
    return {
      ...this.base(),
      ...this.proxies(),
      ...this.pick(TRACING_NAMES),
      ...this.webhookSecrets(),
      ...this.apiKeysFile(),
      BEACON_SERVICE_TOKEN: connections.serviceToken,
      BEACON_HOST: connections.host,
      BEACON_PORT: String(connections.port),
      BEACON_CONFIG: connections.configPath,
      BEACON_DATA_DIR: connections.dataDir,
      DATABASE_URL: connections.databaseUrl,
      NATS_URL: connections.natsUrl,
    };
  }

  /** @param keyNames variables that hold the API keys of the region's endpoints */
  dispatcher(region: string, connections: Connections, keyNames: readonly string[] = []): Environment {
    const { modalKey, modalSecret } = this.settings;
    const keys = keyNames.flatMap((name) => {
      const key = this.given[name];
      return key === undefined ? [] : [[name, key]];
    });
    return {
      ...this.base(),
      ...this.proxies(),
      ...this.pick(TRACING_NAMES),
      ...(Object.fromEntries(keys) as Environment),
      ...(modalKey === undefined ? {} : { MODAL_KEY: modalKey }),
      ...(modalSecret === undefined ? {} : { MODAL_SECRET: modalSecret }),
      BEACON_REGION: region,
      BEACON_CONFIG: connections.configPath,
      NATS_URL: connections.natsUrlOfDispatcher(region),
    };
  }

  runner(connections: Connections): Environment {
    return {
      ...this.base(),
      ...this.proxies(),
      ...this.pick(TRACING_NAMES),
      ...this.webhookSecrets(),
      BEACON_SERVICE_TOKEN: connections.serviceToken,
      BEACON_URL: connections.routerUrl,
      BEACON_CONFIG: connections.configPath,
      BEACON_DATA_DIR: connections.dataDir,
      DATABASE_URL: connections.databaseUrl,
      NATS_URL: connections.natsUrl,
    };
  }

  private base(): Environment {
    return { ...this.pick(RUN_NAMES), LOG_LEVEL: this.settings.logLevel };
  }

  /** With the loopback interface excepted: our own processes are never behind the proxy. */
  private proxies(): Environment {
    const proxies = this.pick(PROXY_NAMES);
    if (Object.keys(proxies).length === 0) return {};
    const excepted = [proxies['no_proxy'] ?? proxies['NO_PROXY'], ...LOOPBACK].filter(Boolean).join(',');
    return { ...proxies, NO_PROXY: excepted, no_proxy: excepted };
  }

  private webhookSecrets(): Environment {
    const { webhookSecret, webhookSecretPrevious } = this.settings;
    return {
      ...(webhookSecret === undefined ? {} : { BEACON_WEBHOOK_SECRET: webhookSecret }),
      ...(webhookSecretPrevious === undefined
        ? {}
        : { BEACON_WEBHOOK_SECRET_PREVIOUS: webhookSecretPrevious }),
    };
  }

  /** Absolute: where a process works is its own business. */
  private apiKeysFile(): Environment {
    const { apiKeysFile } = this.settings;
    return apiKeysFile === undefined ? {} : { BEACON_API_KEYS_FILE: resolve(apiKeysFile) };
  }

  private pick(names: RegExp): Record<string, string> {
    const picked: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.given)) {
      if (value !== undefined && names.test(name)) picked[name] = value;
    }
    return picked;
  }
}
