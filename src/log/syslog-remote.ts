// The log as datagrams to a collector (RFC 5424 over UDP, RFC 5426): sent and forgotten.
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';

import { report } from '../launcher/progress.js';
import type { LogOptions } from './options.js';
import { type LogRecord, parseRecord } from './record.js';
import type { Sink } from './sink.js';
import { messagesOf, priorityOf } from './syslog.js';
import { program } from './text.js';

// What every receiver should take (RFC 5424 section 6.1), in bytes.
const longest = 2048;

// Messages that may wait for the name to be found; those beyond are lost.
const most = 1000;

// How long a name that was not found is left alone, in milliseconds.
const pause = 10_000;

interface Way {
  socket: Socket;
  address: string;
}

/** One message for one datagram. */
export function datagram(record: LogRecord, text: string): Buffer {
  const { time, pid } = record;
  const header = `<${priorityOf(record)}>1 ${time} ${hostname() || '-'} ${program} ${pid} - -`;
  const bytes = Buffer.from(`${header} ${text}`);
  let end = Math.min(bytes.length, longest);
  // Not in the middle of a character.
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

export class RemoteSyslog implements Sink {
  readonly #host: string;
  readonly #port: number;
  readonly #format: LogOptions['format'];
  #way: Promise<Way | undefined> | undefined;
  #underway = 0;
  #allSent: Promise<unknown> = Promise.resolve();

  constructor(host: string, port: number, format: LogOptions['format']) {
    this.#host = host;
    this.#port = port;
    this.#format = format;
  }

  write(line: string): void {
    const record = parseRecord(line);
    for (const text of messagesOf(line, record, this.#format)) {
      if (this.#underway >= most) return;
      this.#underway += 1;
      const sent = this.#send(datagram(record, text)).finally(() => {
        this.#underway -= 1;
      });
      this.#allSent = Promise.all([this.#allSent, sent]);
    }
  }

  async close(): Promise<void> {
    await this.#allSent;
    (await this.#way)?.socket.close();
  }

  async #send(message: Buffer): Promise<void> {
    this.#way ??= this.#findWay();
    const way = await this.#way;
    if (way === undefined) return;
    await new Promise<void>((sent) => {
      way.socket.send(message, this.#port, way.address, () => sent());
    });
  }

  async #findWay(): Promise<Way | undefined> {
    try {
      const { address, family } = await lookup(this.#host);
      const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
      socket.on('error', () => undefined).unref();
      return { socket, address };
    } catch (error) {
      report(`${program}: no log is sent to ${this.#host}: ${String(error)}`);
      setTimeout(() => {
        this.#way = undefined;
      }, pause).unref();
      return undefined;
    }
  }
}
