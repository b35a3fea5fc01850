// The lines of a file, one after the other: files of gigabytes take no more memory than a line.
import { createReadStream } from 'node:fs';

export interface Line {
  /** Counted from 1. */
  number: number;
  bytes: Buffer;
  /** Whether a newline ends it: it may be missing behind the last one. */
  whole: boolean;
}

/** A line is longer than whoever reads is ready to hold. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';

  constructor(
    readonly number: number,
    readonly limit: number,
  ) {
    super(`line ${number} is longer than ${limit} bytes`);
  }
}

/** Throws the errors of open(2) and read(2), and LineTooLong. */
export async function* linesOf(path: string, limit: number): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  let size = 0;
  const add = (part: Buffer) => {
    size += part.length;
    if (size > limit) throw new LineTooLong(number, limit);
    parts.push(part);
  };
  const take = (whole: boolean): Line => {
    const line = { number, bytes: Buffer.concat(parts), whole };
    number += 1;
    parts = [];
    size = 0;
    return line;
  };

  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 256 * 1024 });
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(0x0a); to !== -1; to = chunk.indexOf(0x0a, from)) {
      add(chunk.subarray(from, to));
      from = to + 1;
      yield take(true);
    }
    add(chunk.subarray(from));
  }
  if (size > 0) yield take(false);
}
