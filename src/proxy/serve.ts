// The main line of wsproxy: everything that can fail comes first, in the order of what it needs; then
// it serves until it is told to end, or has nothing left to do.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { LaunchError } from '../errors.js';
import { readEnvironment } from '../launcher/inheritance.js';
import { report } from '../launcher/progress.js';
import { createLogger } from '../log/logger.js';
import { openSink, type Sink } from '../log/sink.js';
import type { Address } from './address.js';
import type { Backend } from './backend.js';
import { banner } from './banner.js';
import { announceReady, daemonize, isDaemon } from './daemon.js';
import { allowInterruption, awaitEnding, type Ending } from './ending.js';
import { type EngineSettings, openPages } from './engine-settings.js';
import { dropPrivileges } from './identity.js';
import { Listener } from './listener.js';
import { LocalBackend } from './local.js';
import type { MetricsPort } from './metrics-port.js';
import type { ProcessOptions, ProxyOptions } from './options.js';
import { readAuthorities } from './pem.js';
import { writePidFile } from './pid-file.js';
import { firstRecordingNumber } from './recorder.js';
import { Sessions } from './sessions.js';
import { expiryOf, readTlsMaterial } from './tls.js';
import { WorkerPool } from './workers.js';
import { WrappedCommand } from './wrap.js';

/** What a caller may want to know while it runs. */
export interface Events {
  /** It serves, on this address. */
  onReady?(address: Address): void;
}

/**
 * Runs the proxy to its end. Returns the exit status, or dies of the signal that ended it; throws a
 * LaunchError if it cannot start.
 */
export async function serve(options: ProxyOptions, { onReady }: Events = {}): Promise<number> {
  if (options.process.daemon && !isDaemon()) return daemonize();
  const sink = openSink(options.log);
  const log = createLogger(options.log.level, sink);
  const service = await Service.open(options, sink, log);
  introduce(options, service.address, log);
  await announceReady();
  service.startCommand();
  onReady?.(service.address);
  const ending = await service.ended;
  await service.close(ending);
  await sink.close?.();
  if (ending.signal !== undefined) {
    process.removeAllListeners(ending.signal);
    process.kill(process.pid, ending.signal);
  }
  return ending.status;
}

// Where programs read the log, there is nothing but records.
function introduce(options: ProxyOptions, address: Address, log: Logger): void {
  const { level, format, file, syslog } = options.log;
  if (level === 'quiet') return;
  const lines = banner(options, address);
  if (format === 'json' && file === undefined && syslog === undefined) {
    for (const line of lines) log.info(line);
  } else {
    report(lines.join('\n'));
  }
}

// What no command is to get: a secret, and the mark of a daemon.
const isOurs = /^(?:WSPROXY_KEY_PASSWORD|WSWRAP_DAEMON)=/;

class Service {
  #connections = 0;
  #closing = false;

  private constructor(
    private readonly options: ProxyOptions,
    private readonly sink: Sink,
    private readonly log: Logger,
    private readonly listener: Listener,
    private readonly backend: Backend,
    private readonly command: WrappedCommand | undefined,
    /** Resolves when it is time to end. */
    readonly ended: Promise<Ending>,
  ) {}

  static async open(options: ProxyOptions, sink: Sink, log: Logger): Promise<Service> {
    // Nobody is served before there is somebody to serve them.
    const early: Socket[] = [];
    let accept = (socket: Socket): void => {
      early.push(socket);
    };
    const listener = await Listener.open(
      options.source,
      (socket) => accept(socket),
      options.sourceMode,
    );
    try {
      const service = await Service.#start(options, sink, log, listener);
      accept = (socket) => service.#accept(socket);
      early.forEach(accept);
      return service;
    } catch (error) {
      // The file of a Unix socket would stay.
      listener.close();
      throw error;
    }
  }

  static async #start(
    options: ProxyOptions,
    sink: Sink,
    log: Logger,
    listener: Listener,
  ): Promise<Service> {
    const { process: how, record } = options;
    const tls = options.tls === undefined ? undefined : readTlsMaterial(options.tls);
    const cafile = options.target.tls?.cafile;
    const targetCa = cafile === undefined ? undefined : readAuthorities(cafile, '--target-cafile');
    const metrics = await openMetricsPort(how, options.sourceMode);
    if (how.pidFile !== undefined) writePidFile(how.pidFile);
    // Whoever has become another user may not read that any more.
    const environment = readEnvironment().filter((line) => !isOurs.test(line));
    if (how.identity !== undefined) dropPrivileges(how.identity);

    const settings: EngineSettings = {
      options,
      loopback: listener.loopback,
      recordings: record === undefined ? 0 : firstRecordingNumber(record),
      ...(tls === undefined ? {} : { tls }),
      ...(targetCa === undefined ? {} : { targetCa }),
    };
    const sessions = new Sessions(
      options.client.maxConnections,
      how.runOnce ? 1 : Number.POSITIVE_INFINITY,
    );
    const backend = await openBackend(how, settings, sessions, sink, log);
    const command = await prepareCommand(options, environment, log);
    const signals = {
      reload: () => service.#reload(),
      restart: () => {
        backend.restart().catch((error) => log.error(error, 'no new worker processes'));
      },
    };
    const ended = Promise.race([
      awaitEnding(how, sessions, signals),
      ...(command === undefined ? [] : [endOf(command)]),
    ]);
    const service = new Service(options, sink, log, listener, backend, command, ended);
    command?.on('addresses', (addresses) => backend.setTargets(addresses));
    metrics?.show(backend, () => !service.#closing);
    if (tls !== undefined) warnOfExpiry(expiryOf(tls), log);
    return service;
  }

  get address(): Address {
    return this.listener.address;
  }

  startCommand(): void {
    this.command?.start();
  }

  async close({ how, why }: Ending): Promise<void> {
    this.#closing = true;
    this.listener.close();
    // Whoever reads that finds the port closed.
    this.log.info(`ends: ${why}`);
    allowInterruption();
    await this.backend[how]();
    await this.command?.stop();
  }

  #accept(socket: Socket): void {
    this.#connections += 1;
    this.backend.accept(socket, this.#connections);
  }

  // What cannot be read leaves everything as it was.
  #reload(): void {
    this.sink.reopen?.();
    const { tls } = this.options;
    if (tls === undefined) return;
    try {
      this.backend.reloadTls(readTlsMaterial(tls));
      this.log.info('the certificate was read again');
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      this.log.error(`the certificate stays the old one: ${error.message}`);
    }
  }
}

// Loaded when somebody wants to watch.
async function openMetricsPort(
  { metrics }: ProcessOptions,
  mode: number,
): Promise<MetricsPort | undefined> {
  if (metrics === undefined) return undefined;
  const { MetricsPort } = await import('./metrics-port.js');
  return MetricsPort.open(metrics, mode);
}

async function prepareCommand(
  { command, source, target }: ProxyOptions,
  environment: readonly string[],
  log: Logger,
): Promise<WrappedCommand | undefined> {
  if (command === undefined) return undefined;
  const moved = target.address === undefined && 'port' in source ? { port: source.port } : {};
  return WrappedCommand.prepare({
    command: command.words,
    mode: command.mode,
    environment,
    ...moved,
    log,
  });
}

async function endOf(command: WrappedCommand): Promise<Ending> {
  const [status] = await once(command, 'exit');
  return { how: 'goAway', why: `the command ended with status ${status}`, status };
}

async function openBackend(
  { workers }: ProcessOptions,
  settings: EngineSettings,
  sessions: Sessions,
  sink: Sink,
  log: Logger,
): Promise<Backend> {
  if (workers === undefined) return LocalBackend.open(settings, sessions, log);
  // What would be wrong in all of them is said once, here.
  await openPages(settings.options);
  return WorkerPool.start(workers, settings, sessions, (record) => sink.write(record), log);
}

const soon = 14 * 24 * 3600 * 1000;

function warnOfExpiry(expiry: Date, log: Logger): void {
  const left = expiry.getTime() - Date.now();
  if (left > soon) return;
  const when = expiry.toISOString().slice(0, 10);
  log.warn(left < 0 ? `the certificate expired on ${when}` : `the certificate expires on ${when}`);
}
