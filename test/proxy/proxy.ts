// wsproxy as a user starts it, on a port that it chooses itself.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { eventually, within } from '../support/deadline.js';
import type { Exit } from '../support/server.js';

export const wsproxy = join(packageRoot, 'bin/wsproxy');

export interface StartOptions {
  /** Added to the environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** What it is started by, in place of nothing (`setpriv …`). */
  prefix?: readonly string[];
}

/** The environment without what the developer has set for the tools. */
export function cleanEnvironment(added: Record<string, string> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(WSWRAP_.*|WSPROXY_.*|TRACE|DEBUG|LD_PRELOAD|NODE_TEST_CONTEXT)$/.test(name),
  );
  return { ...Object.fromEntries(inherited), ...added };
}

export class WsProxy {
  stderr = '';
  stdout = '';
  /** Where it listens; 0 for a Unix socket. */
  port = 0;
  readonly exited: Promise<Exit>;
  ended = false;

  private constructor(readonly child: ChildProcess) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.ended = true;
      return { code, signal };
    });
  }

  /** Starts `wsproxy ARGS…` and waits until it serves. It ends with the test. */
  static async start(
    t: TestContext,
    args: readonly (string | number)[],
    options?: StartOptions,
  ): Promise<WsProxy> {
    const proxy = await WsProxy.#attempt(t, args, options);
    assert.ok(!proxy.ended, `wsproxy ended early: ${proxy.stderr}`);
    proxy.port = Number(/Listen on \S*:(\d+)["\n]/.exec(proxy.stderr)?.[1] ?? 0);
    return proxy;
  }

  /** Starts `wsproxy ARGS…`, which must not serve: it says why, with status 125. Returns that. */
  static async refusal(
    t: TestContext,
    args: readonly (string | number)[],
    options?: StartOptions,
  ): Promise<string> {
    const proxy = await WsProxy.#attempt(t, args, options);
    assert.ok(proxy.ended, `wsproxy serves: ${proxy.stderr}`);
    assert.equal((await proxy.exit()).code, 125, proxy.stderr);
    assert.doesNotMatch(proxy.stderr, /^\s+at /m, 'a stack trace is for nobody');
    return proxy.stderr;
  }

  static async #attempt(
    t: TestContext,
    args: readonly (string | number)[],
    { env, cwd, prefix = [] }: StartOptions = {},
  ): Promise<WsProxy> {
    const [file = wsproxy, ...words] = [...prefix, wsproxy, ...args.map(String)];
    const child = spawn(file, words, {
      env: cleanEnvironment(env),
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const proxy = new WsProxy(child);
    t.after(() => proxy.stop());
    await eventually('wsproxy listens', () => proxy.ended || /Listen on .*\n/.test(proxy.stderr));
    return proxy;
  }

  get pid(): number {
    return this.child.pid ?? assert.fail('it did not start');
  }

  /** Waits until its log matches. */
  logged(pattern: RegExp): Promise<void> {
    return eventually(`${pattern} is logged; so far: ${this.stderr}`, () =>
      pattern.test(this.stderr),
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it ends by itself. */
  exit(): Promise<Exit> {
    return within('the end of wsproxy', this.exited);
  }

  async stop(): Promise<Exit> {
    if (!this.ended) this.child.kill('SIGKILL');
    return this.exit();
  }
}
