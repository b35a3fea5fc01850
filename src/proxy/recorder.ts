// Records a connection for noVNC's playback page and for `wsproxy replay`: a script that says which
// bytes went which way and when.
//
// Sessions go before recordings: whatever goes wrong with the file is said once, and the connection
// does not notice.
import { accessSync, constants, readdirSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Logger } from 'pino';

import { errnoOf, LaunchError } from '../errors.js';
import { BackgroundFile, type Failure } from './background-file.js';
import { frameText, type RecordingEncoding } from './frame-text.js';

export type { RecordingEncoding } from './frame-text.js';

// How much may wait for the disk, in bytes, for each connection.
const limit = 16 * 1024 * 1024;
const end = Buffer.from("'EOF'];\n");

export class Recorder {
  /** Resolves when the file is written and closed, or given up. Never rejects. */
  readonly closed: Promise<void>;
  readonly #file: BackgroundFile;
  readonly #encoding: RecordingEncoding;
  readonly #start = performance.now();

  private constructor(path: string, encoding: RecordingEncoding, log: Logger) {
    const onFailure = (failure: Failure) => report(failure, path, log);
    this.#encoding = encoding;
    this.#file = new BackgroundFile(path, { last: end, limit, onFailure });
    this.closed = this.#file.closed;
    // Without this line noVNC takes payload for binary, as websockify's recordings have it.
    if (encoding === 'base64') this.#write("var VNC_frame_encoding = 'base64';\n");
    this.#write('var VNC_frame_data = [\n');
  }

  /**
   * Starts the recording FILE.<number>, which must not exist. Give an absolute path if the working
   * folder may change. Errors go to the log, here as later; the recorder does nothing then.
   */
  static open(file: string, number: number, encoding: RecordingEncoding, log: Logger): Recorder {
    return new Recorder(`${file}.${number}`, encoding, log);
  }

  /** Records payload that is sent to the client. It is copied before this returns. */
  toClient(payload: Uint8Array): void {
    this.#frame(true, payload);
  }

  /** Records payload that came from the client. It is copied before this returns. */
  fromClient(payload: Uint8Array): void {
    this.#frame(false, payload);
  }

  /** Ends the recording; `closed` tells when all of it is written. */
  close(): void {
    this.#file.end();
  }

  #frame(toClient: boolean, payload: Uint8Array): void {
    if (this.#file.ended) return;
    const time = Math.floor(performance.now() - this.#start);
    this.#file.append(frameText(toClient, time, payload, this.#encoding));
  }

  #write(text: string): void {
    this.#file.append(Buffer.from(text));
  }
}

/**
 * How much to add to connection numbers so that no recording is overwritten: the highest number of
 * the existing FILE.<number>, or 0. Throws LaunchError if recordings cannot be created there.
 */
export function firstRecordingNumber(file: string): number {
  const path = resolve(file);
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  const names = namesIn(folder).filter((name) => name.startsWith(prefix));
  const numbers = names.map((name) => name.slice(prefix.length)).filter(isNumber);
  return Math.max(0, ...numbers.map(Number));
}

function namesIn(folder: string): string[] {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return readdirSync(folder);
  } catch (error) {
    throw new LaunchError(
      'RECORDING_FOLDER_UNUSABLE',
      `${folder}: recordings cannot be written there (${errnoOf(error) ?? String(error)})`,
      'create the folder, or give --record a file in one that this user may write to',
    );
  }
}

// Not more digits than an exact number can have.
function isNumber(text: string): boolean {
  return /^[1-9]\d{0,14}$/.test(text);
}

function report(failure: Failure, path: string, log: Logger): void {
  if (failure.stage === 'wait') {
    const why = 'the recording ends here: the disk is slower than the connection';
    log.error(`${path}: ${why}; record to a faster one`);
    return;
  }
  const { stage, error } = failure;
  const code = errnoOf(error);
  const what = stage === 'open' ? 'there will be no recording' : 'the recording ends here';
  log.error(`${path}: ${what}: ${code ?? String(error)}; ${hintFor(code)}`);
}

function hintFor(code: string | undefined): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'make room on that disk, or record to another one';
    case 'EFBIG':
      return 'raise the limit on the size of files (ulimit -f), or record shorter sessions';
    case 'EEXIST':
      return 'move that file away, or choose another name for recordings';
    case 'EMFILE':
      return 'raise the limit on open files (ulimit -n)';
    default:
      return 'see whether that folder exists and this user may write to it';
  }
}
