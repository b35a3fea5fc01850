// The Unix socket on which the shim tells where a server listens whose port was moved, and a free
// port to be moved.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { within } from './deadline.js';
import { freePorts, shim } from './server.js';

export const key = '0123456789abcdef';

export interface Report {
  key: string;
  host: string;
  port: number;
  pid: number;
}

export class Reports {
  /** The lines that came, without their line feeds. */
  readonly lines: string[] = [];
  readonly #listeners = new Set<() => void>();

  private constructor(
    /** The port that is moved. */
    readonly port: number,
    readonly path: string,
  ) {}

  /** Opens a socket for the time of a test. */
  static async open(t: TestContext): Promise<Reports> {
    const [port = 0] = await freePorts(1);
    const folder = mkdtempSync(join(tmpdir(), 'wswrap-'));
    const reports = new Reports(port, join(folder, 'report'));
    const server = createServer((socket) => {
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      socket.on('end', () => {
        reports.lines.push(text.replace(/\n$/, ''));
        for (const listener of reports.#listeners) listener();
        reports.#listeners.clear();
      });
    });
    t.after(async () => {
      await once(server.close(), 'close');
      rmSync(folder, { recursive: true });
    });
    await once(server.listen(reports.path), 'listening');
    return reports;
  }

  /** What the shim finds in the environment. */
  get variables(): Record<string, string> {
    return {
      WSWRAP_PORT: '',
      WSWRAP_MOVE: String(this.port),
      WSWRAP_MOVE_REPORT: this.path,
      WSWRAP_MOVE_KEY: key,
    };
  }

  /** The same with all that a program's environment needs. */
  get environment(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], LD_PRELOAD: shim, ...this.variables };
  }

  /** Waits for so many reports. */
  async until(count: number): Promise<Report[]> {
    while (this.lines.length < count) {
      const news = new Promise<void>((resolve) => this.#listeners.add(resolve));
      await within(`${count} reports`, news);
    }
    return this.lines.map((line) => {
      const [key = '', host = '', port, pid] = line.split(' ');
      return { key, host, port: Number(port), pid: Number(pid) };
    });
  }
}
