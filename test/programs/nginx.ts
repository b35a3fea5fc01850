// nginx with three workers and a folder of files, for the tests of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { scratch } from '../launcher/run.js';
import type { Transport } from '../support/transport.js';
import { Command } from './command.js';
import { small } from './site.js';

export const program = '/usr/sbin/nginx';

/** What is added to the configuration. */
export interface Settings {
  events?: string;
  /** Parameters of the directive `listen`. */
  listen?: string;
  /** In the block `server`. */
  server?: string;
}

/** The ways in which workers can share the work of accepting clients. */
export const sharings: Record<string, Settings> = {
  'exclusive wake-ups': {},
  multi_accept: { events: 'multi_accept on;' },
  'a mutex around accept': { events: 'accept_mutex on; accept_mutex_delay 50ms;' },
  'a listener per worker': { listen: 'reuseport' },
};

export class Nginx {
  private constructor(
    readonly command: Command,
    readonly folder: string,
  ) {}

  /** Starts a server that sends the files of `folder`/site. */
  static async start(
    t: TestContext,
    { wrapped }: Transport,
    settings: Settings = {},
    folder = scratch(t),
  ): Promise<Nginx> {
    mkdirSync(join(folder, 'site'), { recursive: true });
    writeFileSync(join(folder, 'site/small'), small);
    const words = (port: number) => {
      writeFileSync(join(folder, 'nginx.conf'), configuration(port, settings));
      return [program, ...Nginx.#arguments(folder)];
    };
    return new Nginx(await Command.start(t, words, { wrapped }), folder);
  }

  get port(): number {
    return this.command.port;
  }

  get pid(): number {
    return this.command.pid;
  }

  /** The arguments with which nginx signals this instance: `-s stop`, `-s reload`. */
  signal(name: string): string[] {
    return [...Nginx.#arguments(this.folder), '-s', name];
  }

  static #arguments(folder: string): string[] {
    return ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'];
  }
}

function configuration(port: number, { events = '', listen = '', server = '' }: Settings) {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off;
    worker_processes 3;
    pid nginx.pid;
    events { ${events} }
    http {
      access_log off;
      ${kinds.map((kind) => `${kind}_temp_path ${kind};`).join(' ')}
      keepalive_requests 10000;
      sendfile on;
      server {
        listen 127.0.0.1:${port} ${listen};
        root site;
        ${server}
      }
    }`;
}
