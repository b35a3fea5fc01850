// A program that serves a port, as it is or with the shim preloaded, for as long as a test needs it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { within } from './deadline.js';
import { cpuSeconds, openDescriptors } from './kernel.js';

/** The shim under test: WSWRAP_TEST_SHIM (LD_PRELOAD syntax) or the one that the build made. */
export const shim =
  process.env['WSWRAP_TEST_SHIM'] ??
  fileURLToPath(new URL('../../../build/Release/wswrap-shim.so', import.meta.url));

export interface ServerOptions {
  wrapped: boolean;
  /** Added to the environment. */
  env?: Record<string, string>;
  /** The program may write to stderr (else a line there fails the test). */
  talks?: boolean;
  /** More ports than one, all of them configured as WebSocket ports. */
  ports?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Ports that nobody listens on. Somebody else may take one before it is used: try again then. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map((holder) => once(holder.close(), 'close')));
  return ports;
}

export class Server {
  /** What it printed, line by line. */
  readonly lines: string[] = [];
  stderr = '';
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #talks: boolean;
  readonly #listeners = new Set<() => void>();
  #exit: Exit | undefined;
  #expected = false;

  private constructor(
    readonly ports: readonly number[],
    child: ChildProcess,
    talks: boolean,
  ) {
    child.on('error', () => undefined); // It has no pid then.
    if (child.pid === undefined) throw new Error(`cannot start ${child.spawnfile}`);
    this.pid = child.pid;
    this.#child = child;
    this.#talks = talks;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.lines.push(line);
        this.#tell();
      });
    }
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.#exit = { code, signal };
      this.#tell();
      return this.#exit;
    });
  }

  /**
   * Starts `program` with the words that `args` makes of its ports, and waits until it prints
   * "listening". When somebody took the port in between, tries another.
   */
  static async start(
    program: string,
    args: (...ports: number[]) => string[],
    options: ServerOptions,
  ): Promise<Server> {
    if (options.wrapped && !existsSync(shim.split(':').at(-1) ?? shim)) {
      throw new Error(`${shim} does not exist; build it with: npm run build`);
    }
    for (let attempt = 1; ; attempt += 1) {
      const ports = await freePorts(options.ports ?? 1);
      const child = spawn(program, args(...ports), {
        env: environment(ports, options),
        stdio: 'pipe',
        // A process group, so that its children end with it.
        detached: true,
      });
      const server = new Server(ports, child, options.talks ?? false);
      const ready = await server.#ready();
      if (ready) return server;
      const taken = server.stderr.includes('Address already in use');
      if (!taken || attempt === 10) {
        const { code, signal } = await server.exited;
        throw new Error(`${program} did not start (${signal ?? code}): ${server.stderr}`);
      }
    }
  }

  async #ready(): Promise<boolean> {
    await this.until('listening', () => this.#exit !== undefined || this.count('listening') > 0);
    return this.#exit === undefined;
  }

  get port(): number {
    return this.ports[0] ?? 0;
  }

  /** How many lines it printed that start with this word. */
  count(word: string): number {
    return this.lines.filter((line) => line.split(' ')[0] === word).length;
  }

  /** Waits until it has printed `count` lines that start with this word; throws if there are more. */
  async counted(word: string, count: number): Promise<void> {
    await this.until(`${count} times ${word}`, () => this.count(word) >= count);
    if (this.count(word) > count)
      throw new Error(`${this.count(word)} times ${word}, not ${count}`);
  }

  /** Waits until the program's output makes `holds` true. */
  async until(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) {
      const news = new Promise<void>((resolve) => this.#listeners.add(resolve));
      await within(`the server: ${what}`, news).catch((error: Error) => {
        throw new Error(`${error.message}\n${this.lines.join('\n')}\n${this.stderr}`);
      });
    }
  }

  /** Waits for a line that the pattern matches (among those that `from` does not skip). */
  async line(pattern: RegExp, from = 0): Promise<string> {
    const find = () => this.lines.slice(from).find((line) => pattern.test(line));
    await this.until(String(pattern), () => find() !== undefined || this.#exit !== undefined);
    const line = find();
    if (line === undefined) throw new Error(`the server ended without ${pattern}: ${this.stderr}`);
    return line;
  }

  /** Waits for text that the pattern matches on stderr, or from whoever else writes it. */
  async error(pattern: RegExp): Promise<string> {
    await this.until(String(pattern), () => pattern.test(this.stderr));
    return pattern.exec(this.stderr)?.[0] ?? '';
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  cpuSeconds(): number {
    return cpuSeconds(this.pid);
  }

  openDescriptors(): number[] {
    return openDescriptors(this.pid);
  }

  /** Waits until the program ends by itself, which is then no failure. */
  async exit(): Promise<Exit> {
    this.#expected = true;
    return await within('the server to exit', this.exited);
  }

  /** Ends the program. Throws when it had ended already, or had said something on stderr. */
  async stop(): Promise<void> {
    const early = this.#exit;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody is left of the group.
    }
    await within('the server to die', this.exited);
    if (early !== undefined && !this.#expected) {
      throw new Error(`the server died (${early.signal ?? early.code}): ${this.stderr}`);
    }
    if (this.stderr !== '' && !this.#talks) throw new Error(`unexpected output: ${this.stderr}`);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

/** Starts a server that is stopped, and found healthy, when the test is over. */
export async function serve(
  t: TestContext,
  program: string,
  args: (...ports: number[]) => string[],
  options: ServerOptions,
): Promise<Server> {
  const server = await Server.start(program, args, options);
  t.after(() => server.stop());
  return server;
}

// Nothing that the developer has set reaches the server, except where a test asks for it.
function environment(ports: readonly number[], options: ServerOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(WSWRAP_.*|TRACE|DEBUG|LD_PRELOAD)$/.test(name),
  );
  const preload = options.wrapped ? { LD_PRELOAD: shim, WSWRAP_PORT: ports.join(',') } : {};
  return { ...Object.fromEntries(inherited), ...preload, ...options.env };
}
