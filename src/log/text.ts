// The log as people read it: `14:53:43.287 wsproxy[3793] #7 127.0.0.1:44760 message`.
import { escapeText } from './escape.js';
import type { LogRecord } from './record.js';

/** The name that goes before each line, and that syslog files them under. */
export const program = 'wsproxy';

const marks = {
  trace: '',
  debug: '',
  info: '',
  warn: 'warning: ',
  error: 'error: ',
  fatal: 'error: ',
};

// Of warnings and errors, on a terminal.
const colours = { warn: '\x1b[33m', error: '\x1b[31m', fatal: '\x1b[31m' } as const;

/** What happened, and to whom, in one line: `#7 127.0.0.1:44760 message: reason`. */
export function describe(record: LogRecord, mark = ''): string {
  const { connection, peer, msg = '', err } = record;
  const words = [
    ...(connection === undefined ? [] : [`#${connection}`]),
    ...(peer === undefined ? [] : [escapeText(peer)]),
  ];
  // pino makes the message of an error that is logged without one.
  const reason = err === undefined || err.message === msg ? [] : [err.message];
  const text = [...(msg === '' ? [] : [msg]), ...reason].join(': ');
  return [...words, `${mark}${escapeText(text)}`].join(' ');
}

/** Where an error came from: a line for each call, if its record tells. */
export function stackOf({ err }: LogRecord): string[] {
  // It begins with type and message.
  const calls = err?.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  return calls.map((line) => `    ${escapeText(line.trim())}`);
}

/** The lines for a record, each with its line break. Times are UTC. */
export function formatText(record: LogRecord, colourful = false): string {
  const { level, time, pid } = record;
  const colour = colourful && level in colours ? colours[level as keyof typeof colours] : '';
  const mark = colour === '' ? marks[level] : `${colour}${marks[level].trimEnd()}\x1b[0m `;
  const first = `${time.slice(11, 23)} ${program}[${pid}] ${describe(record, mark)}`;
  return [first, ...stackOf(record)].map((line) => `${line}\n`).join('');
}
