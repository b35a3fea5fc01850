// The numbers of syslog (RFC 5424 section 6.2.1), and the way to this machine's own log.
import { existsSync } from 'node:fs';

import { LaunchError } from '../errors.js';
import { loadAddon } from '../native.js';
import { escapeJson } from './escape.js';
import type { LogOptions } from './options.js';
import { type LogRecord, parseRecord } from './record.js';
import type { Sink } from './sink.js';
import { describe, program, stackOf } from './text.js';

// Where libc looks for the daemon.
const socket = '/dev/log';

const daemonFacility = 3;

const severities = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 } as const;

/** Facility and severity of a record as one number. */
export function priorityOf({ level }: LogRecord): number {
  return daemonFacility * 8 + severities[level];
}

/** The messages for a record: time, process and severity have their own place in syslog. */
export function messagesOf(line: string, record: LogRecord, format: LogOptions['format']) {
  if (format === 'json') return [escapeJson(line.trimEnd())];
  return [describe(record), ...stackOf(record)];
}

/** Opens the local log. Throws a LaunchError when no daemon keeps one. */
export function openLocalSyslog(format: LogOptions['format']): Sink {
  if (!existsSync(socket)) {
    throw new LaunchError(
      'SYSLOG_ABSENT',
      `${socket} is missing: no syslog daemon runs here`,
      'start one, send the log to another machine (--syslog=HOST), or write a file (--log-file)',
    );
  }
  const { syslog } = loadAddon();
  return {
    write(line) {
      const record = parseRecord(line);
      const ident = `${program}[${record.pid}]`;
      for (const message of messagesOf(line, record, format)) {
        syslog(priorityOf(record), ident, message);
      }
    },
  };
}
