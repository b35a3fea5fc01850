// A real program that serves a port, as it is or the way users wrap it: `wswrap PORT COMMAND…`.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, within } from '../support/deadline.js';
import { type Exit, freePorts } from '../support/server.js';

/** The repository's root, as seen from the compiled tests. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The command that users run. */
export const wswrap = `${root}bin/wswrap`;

export interface CommandOptions {
  wrapped: boolean;
  /** Options of wswrap. */
  options?: readonly string[];
  /** Added to the environment. */
  env?: Record<string, string>;
  /** End it as Ctrl-C at a terminal does, with all processes that it started. */
  terminal?: boolean;
  /** The working folder; the repository's root if absent. */
  cwd?: string;
}

/** Whether some process listens on this TCP port (proc_net_tcp(5)). Nothing connects to it. */
export function isListening(port: number): boolean {
  const listen = '0A';
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((file) =>
    readFileSync(file, 'latin1')
      .split('\n')
      .some((row) => {
        const [, local = '', , state] = row.trim().split(/\s+/);
        return state === listen && local.endsWith(suffix);
      }),
  );
}

export class Command {
  readonly stdout: Buffer[] = [];
  stderr = '';
  /** Resolves when the program has ended and its output is complete. */
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;

  private constructor(
    readonly child: ChildProcess,
    readonly port: number,
    private readonly hasGroup: boolean,
  ) {
    child.stdout?.on('data', (chunk: Buffer) => this.stdout.push(chunk));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // A program that has closed its stdin shows that by its exit.
    child.stdin?.on('error', () => undefined);
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.#exit = { code, signal };
      return this.#exit;
    });
  }

  /**
   * Starts the command line that `words` makes of a free port, and waits until it listens there.
   * When somebody else took the port in between, tries another. The program is ended with the test.
   */
  static async start(
    t: TestContext,
    words: (port: number) => string[],
    options: CommandOptions,
  ): Promise<Command> {
    for (let attempt = 1; ; attempt += 1) {
      const [port = 0] = await freePorts(1);
      const line = words(port);
      const command = Command.#spawn(line, port, options);
      t.after(() => command.stop());
      await eventually(
        `${line.join(' ')} listens`,
        () => command.#exit !== undefined || isListening(port),
      );
      if (command.#exit === undefined) return command;
      if (!/in use/i.test(command.stderr + command.output) || attempt === 5) {
        throw new Error(`${line.join(' ')} ended early: ${command.stderr}`);
      }
    }
  }

  static #spawn(
    words: string[],
    port: number,
    { wrapped, options = [], env, terminal = false, cwd }: CommandOptions,
  ): Command {
    const [file = '', ...args] = wrapped ? [wswrap, ...options, String(port), ...words] : words;
    // Nothing that the developer has set for wswrap reaches the program.
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(WSWRAP_.*|TRACE|DEBUG|LD_PRELOAD)$/.test(name),
    );
    const child = spawn(file, args, {
      cwd: cwd ?? root,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: 'pipe',
      detached: terminal,
    });
    return new Command(child, port, terminal);
  }

  /** Of the launcher and of the program that it becomes. */
  get pid(): number {
    return this.child.pid ?? assert.fail('it did not start');
  }

  get output(): string {
    return Buffer.concat(this.stdout).toString();
  }

  /** Waits until the program ends by itself. */
  exit(): Promise<Exit> {
    return within(`${this.child.spawnfile} to exit`, this.exited);
  }

  /** Asks the program to end, as an operator would, and waits until it has. Throws if it stays. */
  async stop(): Promise<Exit> {
    this.#signal('SIGTERM');
    try {
      return await this.exit();
    } catch (error) {
      this.#signal('SIGKILL');
      throw error;
    }
  }

  #signal(name: NodeJS.Signals): void {
    if (!this.hasGroup) {
      this.child.kill(name);
    } else if (this.#exit === undefined) {
      process.kill(-this.pid, name);
    }
  }
}
