// Progress on standard error: one line that is rewritten on a terminal, whole lines elsewhere.
//
// It writes with write(2) rather than through process.stderr, because that one makes a pipe or
// terminal non-blocking, for everyone who shares it: the server would inherit that.
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Writes one line to standard error. */
export function report(line: string): void {
  writeSync(2, `${line}\n`);
}

export class Progress {
  private readonly live = isatty(2);

  /** Something that is over when the next step begins; shown on a terminal only. */
  step(text: string): void {
    if (this.live) writeSync(2, `\r${text.slice(0, 78)}\x1b[K`);
  }

  /** Something to keep. */
  line(text: string): void {
    writeSync(2, this.live ? `\r${text}\x1b[K\n` : `${text}\n`);
  }
}
