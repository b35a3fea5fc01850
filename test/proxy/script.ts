// A recording as a JavaScript engine takes it, which is how noVNC's playback page gets it.
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';

export interface Script {
  /** What `VNC_frame_data` holds: strings of characters below 256. */
  data: string[];
  encoding: string | undefined;
}

/** Runs the script; throws SyntaxError if it is none. */
export function runScript(file: string): Script {
  const globals: { VNC_frame_data?: string[]; VNC_frame_encoding?: string } = {};
  runInNewContext(readFileSync(file, 'utf8'), globals);
  return { data: [...(globals.VNC_frame_data ?? [])], encoding: globals.VNC_frame_encoding };
}

/** The payload of a frame of a binary recording. */
export function payloadOf(frame: string): Buffer {
  return Buffer.from(frame.replace(/^([{}])\d+\1/, ''), 'latin1');
}
