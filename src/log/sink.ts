// Where the lines of the log go.
import { openLineSink } from './line-sink.js';
import type { LogOptions } from './options.js';
import { openLocalSyslog } from './syslog.js';
import { RemoteSyslog } from './syslog-remote.js';

/** Takes the log, one record (a line of pino) with each call. No method throws for a failed write. */
export interface Sink {
  write(record: string): void;
  /** Starts the log file anew: whoever rotates logs has moved the old one. */
  reopen?(): void;
  /** Resolves when what was written has left this process, or has no hope to. */
  close?(): Promise<void> | void;
}

/**
 * Opens what the options name: a file, syslog, both, or standard error when they name none. Throws a
 * LaunchError for what cannot be opened.
 */
export function openSink(options: Omit<LogOptions, 'level'>): Sink {
  const { format, file, syslog } = options;
  if (syslog === undefined) return openLineSink(options);
  const system =
    syslog.kind === 'local'
      ? openLocalSyslog(format)
      : new RemoteSyslog(syslog.host, syslog.port, format);
  return file === undefined ? system : both(openLineSink(options), system);
}

function both(one: Sink, other: Sink): Sink {
  return {
    write(record) {
      one.write(record);
      other.write(record);
    },
    reopen() {
      one.reopen?.();
      other.reopen?.();
    },
    async close() {
      await Promise.all([one.close?.(), other.close?.()]);
    },
  };
}
