// The log as lines in a file or on standard error.
import { resolve } from 'node:path';
import { isatty } from 'node:tty';

import { LaunchError } from '../errors.js';
import { escapeJson } from './escape.js';
import type { LogOptions } from './options.js';
import { Output, openLogFile, openStandardError } from './output.js';
import { parseRecord, warning } from './record.js';
import type { Sink } from './sink.js';
import { formatText } from './text.js';

/**
 * Opens a file, or standard error when none is named. A relative path is one from here on, whatever
 * the working folder will be. Throws a LaunchError when the file cannot be opened.
 */
export function openLineSink({ format, file }: Pick<LogOptions, 'format' | 'file'>): Sink {
  const colourful = file === undefined && isColourful();
  const lines = format === 'json' ? jsonLine : (record: string) => textLines(record, colourful);
  const lossNote = (lost: number) =>
    lines(warning(`${lost} lines of the log could not be written and are lost`));
  if (file === undefined) {
    const output = new Output(openStandardError(), lossNote);
    return { write: (record) => output.write(lines(record)), close: () => output.close() };
  }

  const path = resolve(file);
  const output = new Output(openAtStart(path), lossNote);
  return {
    write: (record) => output.write(lines(record)),
    reopen() {
      try {
        output.replace(openLogFile(path));
      } catch (error) {
        output.write(lines(warning(`the log file stays the old one: ${reasonOf(error)}`)));
      }
    },
    close: () => output.close(),
  };
}

function jsonLine(record: string): string {
  return `${escapeJson(record.trimEnd())}\n`;
}

function textLines(record: string, colourful: boolean): string {
  return formatText(parseRecord(record), colourful);
}

// https://no-color.org
function isColourful(): boolean {
  return isatty(2) && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

function openAtStart(path: string): number {
  try {
    return openLogFile(path);
  } catch (error) {
    throw new LaunchError(
      'LOG_FILE_UNUSABLE',
      `the log file cannot be opened: ${reasonOf(error)}`,
      undefined,
      undefined,
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
