// Reads recordings: ours, and those that websockify writes and wrote.
//
// A recording is a script, which is what noVNC wants, but nothing here runs it. It may end anywhere:
// whatever wrote it may have been killed.
import { stat } from 'node:fs/promises';

import { errnoOf, LaunchError } from '../errors.js';
import type { RecordingEncoding } from './frame-text.js';
import { LineTooLong, linesOf } from './lines.js';
import { parseLine, type RecordingLine } from './recording-line.js';

export interface RecordedFrame {
  toClient: boolean;
  /** Milliseconds since the start. */
  time: number;
  payload: Buffer;
}

export interface Recording {
  encoding: RecordingEncoding;
  /**
   * Reads the file anew whenever somebody iterates. Throws LaunchError, with the line's number, at
   * what is no recording.
   */
  frames: AsyncIterable<RecordedFrame>;
}

// Four characters for a byte: frames of up to 16 MiB.
const longestLine = 64 * 1024 * 1024;
// `RFB`, with which every VNC server begins, in base64.
const base64Greeting = 'UkZC';

/** Opens a recording. Throws LaunchError if the file cannot be read or begins like no recording. */
export async function openRecording(file: string): Promise<Recording> {
  const encoding = await encodingOf(file);
  return { encoding, frames: { [Symbol.asyncIterator]: () => framesOf(file, encoding) } };
}

async function encodingOf(file: string): Promise<RecordingEncoding> {
  await assertFile(file);
  let named: string | undefined;
  for await (const { line, number } of partsOf(file)) {
    if (line.kind === 'variable' && line.name === 'encoding') {
      if (line.value !== 'binary' && line.value !== 'base64') throw notOurs(file, number);
      named = line.value;
    }
    // As noVNC finds out when the recording does not say it.
    if (line.kind === 'frame' && line.toClient) {
      named ??= line.payload.toString('latin1', 0, 4) === base64Greeting ? 'base64' : 'binary';
      break;
    }
  }
  return named === 'base64' ? 'base64' : 'binary';
}

async function* framesOf(
  file: string,
  encoding: RecordingEncoding,
): AsyncGenerator<RecordedFrame, void> {
  for await (const { line, number } of partsOf(file)) {
    if (line.kind !== 'frame') continue;
    const { toClient, time } = line;
    const payload = encoding === 'base64' ? decode(line.payload) : line.payload;
    if (payload === undefined) throw notOurs(file, number);
    yield { toClient, time, payload };
  }
}

// Everything up to the end of the recording. Throws LaunchError at what does not belong there.
async function* partsOf(file: string): AsyncGenerator<{ line: RecordingLine; number: number }> {
  let started = false;
  try {
    for await (const { number, bytes, whole } of linesOf(file, longestLine)) {
      const line = parseLine(bytes);
      if (line === undefined && started && !whole) return; // cut off
      if (line === undefined || !fits(line, started)) throw notOurs(file, number);
      if (line.kind === 'end') return;
      if (line.kind === 'start') started = true;
      yield { line, number };
    }
  } catch (error) {
    if (error instanceof LineTooLong) throw tooLong(file, error);
    throw error instanceof LaunchError ? error : unreadable(file, error);
  }
  if (!started) throw notOurs(file, 1);
}

function fits(line: RecordingLine, started: boolean): boolean {
  if (line.kind === 'blank') return true;
  return started === (line.kind === 'frame' || line.kind === 'end');
}

function decode(text: Buffer): Buffer | undefined {
  const base64 = text.toString('latin1');
  // The decoder would skip what is not base64.
  return /^[A-Za-z0-9+/]*={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}

async function assertFile(file: string): Promise<void> {
  const stats = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  // It is read more than once.
  if (!stats.isFile()) {
    throw new LaunchError('RECORDING_UNREADABLE', `${file}: not a regular file`);
  }
}

function unreadable(file: string, error: unknown): LaunchError {
  return new LaunchError(
    'RECORDING_UNREADABLE',
    `${file}: cannot be read (${errnoOf(error) ?? String(error)})`,
    errnoOf(error) === 'ENOENT' ? 'the name of a recording ends in a number: FILE.1' : undefined,
    undefined,
    { cause: error },
  );
}

function notOurs(file: string, number: number): LaunchError {
  return new LaunchError(
    'NOT_A_RECORDING',
    `${file}: line ${number} is of no recording`,
    'a recording is a file that wsproxy --record or websockify --record has written',
  );
}

function tooLong(file: string, { number, limit }: LineTooLong): LaunchError {
  return new LaunchError(
    'NOT_A_RECORDING',
    `${file}: line ${number} is longer than ${limit / 1024 / 1024} MiB`,
    'no recording has such lines',
  );
}
