// A new file that is written in the background, by somebody who must never wait for the disk.
//
// What the disk has not taken yet lies in memory, up to a limit; then the file is ended early. When
// a write fails (a full disk, a quota), the file is cut back to whole records and ended all the same:
// the room for that is taken from the record that did not fit.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export type Failure =
  | { stage: 'open' | 'write'; error: unknown }
  /** More was waiting to be written than the limit allows. */
  | { stage: 'wait' };

export interface BackgroundFileOptions {
  /** The last record of the file, whatever ends it. */
  last: Buffer;
  /** How much memory may wait to be written, in bytes. */
  limit: number;
  /** Called once if the file could not be opened or had to be ended early. */
  onFailure: (failure: Failure) => void;
}

// About what a Buffer costs beyond its bytes.
const overhead = 256;
// Small records are written together, in pieces of this size.
const batchSize = 1024 * 1024;

export class BackgroundFile {
  /** Resolves when nothing more will be written and the file is closed. Never rejects. */
  readonly closed: Promise<void>;
  #waiting: Buffer[] = [];
  #size = 0;
  #written = 0;
  #ended = false;
  #failed = false;
  #wake = () => {};

  /** Creates `path` for this user alone; something that is there already is not touched. */
  constructor(
    path: string,
    private readonly options: BackgroundFileOptions,
  ) {
    this.closed = this.#run(path);
  }

  /** Whether further records are ignored. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds a record, which the file keeps. Ignored after the end. */
  append(record: Buffer): void {
    if (this.#ended) return;
    if (this.#size + record.length + overhead > this.options.limit) {
      this.end();
      this.#fail({ stage: 'wait' });
      return;
    }
    this.#push(record);
  }

  /** Adds the last record; the file is closed when all is written. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#push(this.options.last);
  }

  #push(record: Buffer): void {
    this.#waiting.push(record);
    this.#size += record.length + overhead;
    this.#wake();
  }

  async #run(path: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    let stage: 'open' | 'write' = 'open';
    try {
      const file = await open(path, flags, 0o600);
      stage = 'write';
      try {
        await this.#writeAll(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      this.#ended = true;
      this.#waiting = [];
      this.#fail({ stage, error });
    }
  }

  async #writeAll(file: FileHandle): Promise<void> {
    for (;;) {
      while (this.#waiting.length === 0) {
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      const batch = this.#take();
      try {
        await file.appendFile(batch.length === 1 ? (batch[0] ?? '') : Buffer.concat(batch));
      } catch (error) {
        await this.#endEarly(file, batch).catch(() => undefined);
        throw error;
      }
      for (const { length } of batch) {
        this.#size -= length + overhead;
        this.#written += length;
      }
    }
  }

  /** Removes the oldest records: as many as are written together, and at least one. */
  #take(): Buffer[] {
    let count = 0;
    let size = 0;
    for (const { length } of this.#waiting) {
      if (count > 0 && size + length > batchSize) break;
      count += 1;
      size += length;
    }
    return this.#waiting.splice(0, count);
  }

  // Only a part of the batch is in the file. The last record overwrites what follows the records
  // that leave room for it.
  async #endEarly(file: FileHandle, batch: readonly Buffer[]): Promise<void> {
    const { last } = this.options;
    const { size } = await file.stat();
    let end = this.#written;
    for (const { length } of batch) {
      if (end + length + last.length > size) break;
      end += length;
    }
    await file.write(last, 0, last.length, end);
    await file.truncate(end + last.length);
  }

  #fail(failure: Failure): void {
    if (this.#failed) return;
    this.#failed = true;
    this.options.onFailure(failure);
  }
}
