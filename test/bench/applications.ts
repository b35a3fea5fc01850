// Programs that people run: redis-server with pipelined requests, and nginx with a large file.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { answers, type Contender, endAll, freePort, plain, wswrap } from './contenders.js';
import { run, start } from './processes.js';
import { find } from './programs.js';
import type { Figure } from './report/report.js';
import { figure, interleave, rates } from './rounds.js';
import type { Settings } from './settings.js';
import { transfer, transferRows } from './transfers.js';

// Plain and wrapped; `words` are the command line for a port.
async function both(words: (port: number) => readonly string[]): Promise<Contender[]> {
  const all: Contender[] = [];
  for (const name of [plain, 'wswrap']) {
    const port = await freePort();
    const [file = '', ...args] = words(port);
    const isWrapped = name !== plain;
    const { pid } = isWrapped
      ? await start(wswrap, [String(port), file, ...args])
      : await start(file, args);
    await answers(port);
    all.push({ name, protocol: isWrapped ? 'ws' : 'tcp', port, pids: [pid] });
  }
  return all;
}

async function redis(settings: Settings): Promise<Figure[]> {
  const program = find('redis-server');
  if (program === undefined) {
    settings.skip('redis-server is not installed');
    return [];
  }
  settings.progress('redis-server');
  const all = await both((port) => {
    const quiet = ['--save', '', '--appendonly', 'no', '--loglevel', 'warning'];
    return [program, '--bind', '127.0.0.1', '--port', String(port), ...quiet];
  });
  const value = 'x'.repeat(64);
  for (const { protocol, port } of all) {
    run('ask', protocol, port, 1, 2, `SET key ${value}\r\n`, '+OK\r\n'.length);
  }
  const reply = `$64\r\n${value}\r\n`.length;
  const figures = [1, 16, 128].map((window) => {
    const once = ({ protocol, port }: Contender, count: number) => {
      const result = run('ask', protocol, port, window, count, 'GET key\r\n', reply);
      const { messages = Number.NaN, seconds = Number.NaN } = result;
      return messages / seconds;
    };
    return figure(
      {
        id: `redis/${window}`,
        group: 'Programs',
        title: `redis-server, GET of 64 B, pipelines of ${window}`,
        unit: 'requests/s',
        better: 'more',
      },
      all,
      rates(settings, all, 100 * window, once),
    );
  });
  await endAll(all);
  return figures;
}

function nginxConfiguration(folder: string, port: number): string {
  const file = join(folder, `${port}.conf`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = temporary.map((one) => `${one}_temp_path ${folder}/${one};`).join('\n');
  const text = `daemon off; worker_processes 1; pid ${folder}/${port}.pid; error_log stderr;
events { worker_connections 1024; }
http { access_log off; sendfile on; ${paths}
server { listen 127.0.0.1:${port}; root ${folder}/www; } }`;
  writeFileSync(file, text);
  return file;
}

async function nginx(settings: Settings): Promise<Figure[]> {
  const program = find('/usr/sbin/nginx');
  if (program === undefined) {
    settings.skip('nginx is not installed');
    return [];
  }
  settings.progress('nginx');
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-bench-'));
  // Its workers are another user's.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'www'));
  // One turn is one file.
  const size = Math.round(settings.turn * 1024) * 1_048_576;
  writeFileSync(join(folder, 'www', 'large'), Buffer.alloc(size, 'x'));
  const all = await both((port) => [program, '-p', folder, '-c', nginxConfiguration(folder, port)]);
  const request = 'GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const samples = interleave(settings, all, (one) => {
    const sample = transfer(one, 'fetch', one.protocol, one.port, request);
    if (!(sample.bytes >= size)) throw new Error(`nginx sent ${sample.bytes} bytes of ${size}`);
    return sample;
  });
  const rows = transferRows(all, samples);
  await endAll(all);
  rmSync(folder, { recursive: true });
  const title = `nginx, a file of ${size / 1_048_576} MiB by sendfile`;
  return [{ id: 'nginx/large', group: 'Programs', title, unit: 'MB/s', better: 'more', rows }];
}

/** Both programs. */
export async function applications(settings: Settings): Promise<Figure[]> {
  return [...(await redis(settings)), ...(await nginx(settings))];
}
