// `wsproxy PORT -- COMMAND…`: the command is started by the proxy, and its server, which wants to
// listen on PORT, listens on a private address instead (native/shim/relocation.h).
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';

import { exitStatus } from '../errors.js';
import { ensureBuilt, nativePart } from '../launcher/built.js';
import { readEnvironment } from '../launcher/inheritance.js';
import { prepareInjection } from '../launcher/injection.js';
import type { Address } from './address.js';
import { type Future, injectedFuture, plainFuture } from './future.js';
import { ProcessTree } from './process-tree.js';
import { ReportChannel } from './report-channel.js';

/**
 * What the end of the command means: `exit`: the proxy's end; `ignore`: nothing, the server went
 * into the background; `respawn`: it is started again.
 */
export type WrapMode = 'exit' | 'ignore' | 'respawn';

export interface WrapOptions {
  command: readonly string[];
  mode: WrapMode;
  /** The port to move; absent: the command listens where it wants, and nothing is injected. */
  port?: number;
  /** NAME=VALUE lines as byte strings ("latin1"); absent: those of this process. */
  environment?: readonly string[];
  log: Logger;
}

const remedy = {
  tool: 'wsproxy',
  instead: 'let its server listen somewhere else, and give that address with --target HOST:PORT',
};

/** So many starts in so many milliseconds are a command that fails whenever it is started. */
const mostStarts = 3;
const window = 10_000;

/** How long the command may take to end when it is asked to, in milliseconds. */
const patience = 5000;

interface Events {
  /** Its end, once it is for good. */
  exit: [status: number];
  /** Where the server listens now has changed; see `addresses`. */
  addresses: [addresses: readonly Address[]];
}

export class WrappedCommand extends EventEmitter<Events> {
  private child: ChildProcess | undefined;
  private starts: number[] = [];
  private stopping: Promise<void> | undefined;

  private constructor(
    private readonly options: WrapOptions,
    private readonly future: Future,
    private readonly channel: ReportChannel | undefined,
  ) {
    super();
    // Whatever ends this process.
    process.once('exit', () => this.child?.kill());
    if (channel === undefined) return;
    channel.onChange = () => {
      this.emit('addresses', this.addresses);
    };
  }

  /**
   * Resolves the command, and builds what is injected into it. Throws a LaunchError, whose status is
   * 127 when there is no such command, 126 when it cannot be executed or injected.
   */
  static async prepare(options: WrapOptions): Promise<WrappedCommand> {
    const { command, port, environment = readEnvironment(), log } = options;
    if (port === undefined) {
      const future = plainFuture(command, environment);
      await ensureBuilt(nativePart);
      return new WrappedCommand(options, future, undefined);
    }
    const injection = await prepareInjection(command, remedy);
    const channel = await ReportChannel.open(log);
    try {
      const variables = { WSWRAP_MOVE: String(port), ...channel.variables };
      return new WrappedCommand(
        options,
        injectedFuture(injection, environment, variables),
        channel,
      );
    } catch (error) {
      await channel.close();
      throw error;
    }
  }

  /** Where the server listens now, the newest first; empty until it does, and without a `port`. */
  get addresses(): readonly Address[] {
    return this.channel?.addresses ?? [];
  }

  /**
   * Starts the command, with the standard streams, terminal and process group of this process.
   * `exit` tells of its end with the status that a shell would show, once it is for good: never in
   * mode `ignore`, and not when it was stopped.
   */
  start(): void {
    this.starts.push(performance.now());
    const program = fileURLToPath(new URL('become.js', import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: [0, 1, 2, 'pipe'] });
    this.child = child;
    const channel = child.stdio[3];
    if (channel !== null && channel !== undefined && 'end' in channel) {
      // A child that was killed at once does not read it.
      channel.on('error', () => undefined);
      channel.end(JSON.stringify(this.future));
    }
    child.once('error', (error) => {
      this.options.log.error({ err: error }, 'the command cannot be started');
      this.onEnd(exitStatus.failed);
    });
    child.once('exit', (code, signal) => {
      this.onEnd(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  }

  /**
   * Ends the command and its descendants: SIGTERM, and SIGKILL for those that are still there after
   * some seconds. A server that went into the background before is none of them, and stays. Resolves
   * when they are gone; nothing is reported or started any more.
   */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    const pid = this.child?.pid;
    if (pid !== undefined) await new ProcessTree(pid).end(patience);
    await this.channel?.close();
  }

  private onEnd(status: number): void {
    const { log, mode } = this.options;
    this.child = undefined;
    if (this.stopping !== undefined) return;
    if (mode === 'ignore') {
      const level = status === 0 ? 'info' : 'warn';
      log[level](`the command ended with status ${status}; its server may be in the background`);
      return;
    }
    this.channel?.forget();
    if (mode === 'respawn' && this.mayRespawn()) {
      log.warn(`the command ended with status ${status}, and is started again`);
      this.start();
      return;
    }
    if (mode === 'respawn') {
      log.error(`the command was started ${mostStarts} times in ${window / 1000} s: giving up`);
    }
    this.emit('exit', status);
  }

  private mayRespawn(): boolean {
    const since = performance.now() - window;
    this.starts = this.starts.filter((start) => start > since);
    return this.starts.length < mostStarts;
  }
}
