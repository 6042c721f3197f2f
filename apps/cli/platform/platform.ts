import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { readKeysFile } from '#api-keys';
import { loadConfiguration, type Configuration, type Settings } from '#config';
import { findFreePort, findNatsServer, wasPortTaken } from '#embedded-services';
import type { Logger } from '#observability';
import { builtPrograms, projectToolDir, type Programs } from '../installation.js';
import { ProgramStartError } from '../supervision/node-program.js';
import { ChildEnvironments, type Connections } from './child-environment.js';
import { choosePort, portTaken } from './choose-port.js';
import { openDataFolder, type DataFolder } from './data-folder.js';
import { loadNatsUsers } from './nats-users.js';
import { ProcessGroup } from './process-group.js';
import { ProcessRegistry } from './process-registry.js';
import { natsLaunch, postgresLaunch } from './services.js';
import { fetchStandInConfiguration } from './stand-in-configuration.js';

export interface PlatformOptions {
  readonly settings: Settings;
  /** Usually `process.env`: what the children need of it is passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Called when everything accepts work, and again after a child was restarted. */
  readonly onReady: (status: PlatformStatus) => void;
  /** Gets the children's log lines. */
  readonly onLine: (line: string) => void;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** Where fetched tools are kept: the first that can be written. Left out: the data folder, then the project's. */
  readonly toolDirs?: readonly string[];
  /** How the stand-in runs, where there is no configuration; `--port` is added. */
  readonly standInParameters?: readonly string[];
  /** Replaces the built programs. */
  readonly programs?: Programs;
}

export interface PlatformStatus {
  /** What a client uses. */
  readonly url: string;
  /** Process ids by name. */
  readonly processes: Readonly<Record<string, number>>;
}

/** A minute of the stand-in's cold starts passes in a second. */
const STAND_IN_PARAMETERS = ['--default', '--time-scale', '60', '--seed', '7'];
const STAND_IN_HOST = '127.0.0.1';
const PORT_ATTEMPTS = 5;

interface Configured {
  readonly configuration: Configuration;
  readonly configPath: string;
}

interface NatsAccess {
  readonly url: string;
  readonly urlOfDispatcher: (region: string) => string;
}

/** Everything that serves on one machine: services, Beacon's processes and, without a configuration, the stand-in. */
export class Platform {
  private readonly group: ProcessGroup;
  private readonly registry: ProcessRegistry;
  private readonly environments: ChildEnvironments;
  private readonly programs: Programs;
  private booted = false;
  private baseUrl = '';
  private standIn: string | undefined;
  private announceFirstReady: () => void = () => undefined;
  private readonly firstReady = new Promise<void>((done) => (this.announceFirstReady = done));
  private stopped: Promise<void> | undefined;

  private constructor(
    private readonly options: PlatformOptions,
    private readonly folder: DataFolder,
  ) {
    const { logger, onLine, environment, settings } = options;
    this.programs = options.programs ?? builtPrograms();
    this.environments = new ChildEnvironments(environment, settings);
    this.registry = new ProcessRegistry(join(folder.runPath, 'processes.json'));
    const onChildReady = (): void => this.announceWhenReady();
    this.group = new ProcessGroup({ logger, onLine, onChildReady, registry: this.registry });
  }

  /**
   * Resolves when everything accepts work. Where that fails, nothing is left running.
   * @throws ConfigurationError, KeysFileError, CommandError, ServiceStartError, NatsServerNotFoundError, ProgramStartError
   */
  static async start(options: PlatformOptions): Promise<Platform> {
    options.signal?.throwIfAborted();
    const { configPath, dataDir, apiKeysFile } = options.settings;
    // Before anything is touched: a wrong configuration leaves no trace.
    const configuration = configPath === undefined ? undefined : loadConfiguration(configPath);
    if (apiKeysFile !== undefined) await readKeysFile(apiKeysFile);
    const platform = new Platform(options, await openDataFolder(dataDir));
    const abort = (): void => platform.group.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort);
    try {
      if (options.signal?.aborted === true) abort();
      await platform.boot(configuration);
      return platform;
    } catch (error) {
      await platform.stop();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', abort);
    }
  }

  /** Base URL of the API. */
  get url(): string {
    return this.baseUrl;
  }

  /** Base URL of the stand-in, where it runs. */
  get standInUrl(): string | undefined {
    return this.standIn;
  }

  /** Absolute. */
  get dataDir(): string {
    return this.folder.path;
  }

  /** Process ids, by name, of those that accept work at this moment. */
  get processes(): Readonly<Record<string, number>> {
    return this.group.processes;
  }

  /** Drains, then ends everything. Safe to call twice. */
  stop(): Promise<void> {
    this.stopped ??= this.group.stop().finally(() => this.folder.release());
    return this.stopped;
  }

  /** Cuts a drain short. `stop` resolves soon after. */
  kill(): void {
    this.group.kill();
  }

  private async boot(given: Configuration | undefined): Promise<void> {
    const { settings, logger } = this.options;
    const leftovers = await this.registry.stopLeftovers();
    if (leftovers.length > 0) {
      const line = 'an earlier start was killed; what it left running is stopped';
      logger.warn({ event: 'leftovers.stopped', processes: leftovers }, line);
    }
    const port = await choosePort(settings.host, settings.port);
    const [databaseUrl, { configuration, configPath, nats }] = await this.together([
      this.startDatabase(),
      this.startConfigured(given),
    ]);
    const connections = await this.startRouter(
      {
        host: settings.host,
        serviceToken: settings.serviceToken ?? randomBytes(32).toString('base64url'),
        configPath,
        dataDir: this.folder.path,
        databaseUrl,
        natsUrl: nats.url,
        natsUrlOfDispatcher: nats.urlOfDispatcher,
      },
      port,
    );
    this.baseUrl = connections.routerUrl;
    const { programs, environments } = this;
    await this.together([
      ...Object.keys(configuration.regions).map((region) => {
        const environment = environments.dispatcher(region, connections, keyNamesOf(configuration, region));
        return this.group.startProgram({
          name: `dispatcher-${region}`,
          script: programs.dispatcher,
          environment,
        });
      }),
      this.group.startProgram({
        name: 'runner',
        script: programs.runner,
        environment: environments.runner(connections),
      }),
    ]);
    this.booted = true;
    this.announceWhenReady();
    // A child may have died since it was ready; it is being started again.
    await Promise.race([this.firstReady, rejectionOf(this.group.signal)]);
  }

  private async startDatabase(): Promise<string> {
    const { databaseUrl } = this.options.settings;
    if (databaseUrl !== undefined) return databaseUrl;
    return (await this.group.start('postgres', postgresLaunch(this.folder.path))).url;
  }

  /** The configuration, and what has to know its regions. */
  private async startConfigured(
    given: Configuration | undefined,
  ): Promise<Configured & { nats: NatsAccess }> {
    const [binary, configured] = await this.together([this.findNatsBinary(), this.configure(given)]);
    this.group.drainMs = configured.configuration.timeouts.drain_ms;
    return {
      ...configured,
      nats: await this.startNats(binary, Object.keys(configured.configuration.regions)),
    };
  }

  private async configure(given: Configuration | undefined): Promise<Configured> {
    const { settings, standInParameters = STAND_IN_PARAMETERS } = this.options;
    if (given !== undefined && settings.configPath !== undefined) {
      return { configuration: given, configPath: resolve(settings.configPath) };
    }
    // Chosen here and not by the stand-in: it is in the configuration, so it must be the same after a restart.
    this.standIn = await this.startOnPort(STAND_IN_HOST, await findFreePort(), async (port) => {
      const { url } = await this.group.startProgram({
        name: 'modal-stand-in',
        script: this.programs.standIn,
        parameters: [...standInParameters, '--port', String(port)],
        environment: this.environments.standIn(),
      });
      return url ?? `http://${STAND_IN_HOST}:${port}`;
    });
    const configPath = join(this.folder.runPath, 'stand-in.beacon.yaml');
    return { configuration: await fetchStandInConfiguration(this.standIn, configPath), configPath };
  }

  /** @returns `undefined` where a server is given that is not ours to run */
  private async findNatsBinary(): Promise<string | undefined> {
    const { settings, environment, logger, toolDirs } = this.options;
    if (settings.natsUrl !== undefined) return undefined;
    const { path, source } = await findNatsServer({
      environment,
      cacheDirs: toolDirs ?? [join(this.folder.path, 'tools'), projectToolDir()],
      signal: this.group.signal,
      report: (line) => logger.info({ event: 'nats_server.fetching' }, line),
    });
    logger.info({ event: 'nats_server.found', source }, 'nats-server found');
    return path;
  }

  private async startNats(binary: string | undefined, regions: readonly string[]): Promise<NatsAccess> {
    if (binary === undefined) {
      const url = this.options.settings.natsUrl ?? '';
      return { url, urlOfDispatcher: () => url };
    }
    const { full, dispatchers } = await loadNatsUsers(join(this.folder.path, 'nats-users.json'), regions);
    const launch = natsLaunch(this.folder.path, binary, [full, ...dispatchers.values()]);
    const server = await this.group.start('nats', launch);
    return { url: server.url, urlOfDispatcher: (region) => server.urlFor(dispatchers.get(region) ?? full) };
  }

  private startRouter(known: Omit<Connections, 'port' | 'routerUrl'>, chosen: number): Promise<Connections> {
    const { host } = known;
    return this.startOnPort(host, chosen, async (port) => {
      const routerUrl = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
      const connections = { ...known, port, routerUrl };
      const environment = this.environments.router(connections);
      await this.group.startProgram({ name: 'router', script: this.programs.router, environment });
      return connections;
    });
  }

  /** Another process may take the port between its choice and its use; one that nobody asked for is chosen again. */
  private async startOnPort<T>(
    host: string,
    chosen: number,
    start: (port: number) => Promise<T>,
  ): Promise<T> {
    for (let port = chosen, attempt = 1; ; attempt += 1) {
      try {
        return await start(port);
      } catch (error) {
        const isTaken = error instanceof ProgramStartError && (await wasPortTaken(port, error.message, host));
        if (isTaken && port === this.options.settings.port) throw portTaken(port);
        if (!isTaken || attempt >= PORT_ATTEMPTS) throw error;
        port = await findFreePort(host);
      }
    }
  }

  /** The first failure ends the others, and is thrown when they have ended. */
  private async together<T extends readonly Promise<unknown>[]>(
    starts: readonly [...T],
  ): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
    try {
      return await Promise.all(starts);
    } catch (error) {
      this.group.abort(error);
      await Promise.allSettled(starts);
      // What failed first is the cause; the others only say that they were called off.
      throw this.group.signal.reason;
    }
  }

  private announceWhenReady(): void {
    if (!this.booted || !this.group.allReady || this.group.signal.aborted) return;
    this.announceFirstReady();
    this.options.onReady({ url: this.baseUrl, processes: this.group.processes });
  }
}

/** Variables that hold the API keys of a region's endpoints. */
function keyNamesOf({ endpoints }: Configuration, region: string): string[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.region === region && endpoint.api_key_env !== undefined ? [endpoint.api_key_env] : [],
  );
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
