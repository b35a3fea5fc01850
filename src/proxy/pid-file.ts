// A file with the number of this process, for those who want to send it signals.
//
// Its owner is the process of that number, if that one is older than the file: numbers are used
// again, and a file can survive its process (kill -9, power cut).
import { readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { errnoOf, LaunchError } from '../errors.js';

// The kernel's unit for times in /proc, as every Linux has it: 10 ms.
const tick = 10;

// Times of files and of processes come from clocks that differ a little, in milliseconds.
const tolerance = 2000;

/**
 * Writes the file, in one step, and removes it when this process exits, if it is still ours then.
 * Throws a LaunchError when another live process owns it, or when it cannot be written. To be called
 * when listeners are bound, which keeps a second instance from getting here, and before privileges
 * are dropped.
 */
export function writePidFile(path: string): void {
  const file = resolve(path);
  const owner = ownerOf(file);
  if (owner !== undefined && owner !== process.pid) {
    throw new LaunchError(
      'PID_FILE_OWNED',
      `${file} belongs to process ${owner}, which is running`,
      `stop it first (kill ${owner}), or name another file`,
    );
  }
  const draft = `${file}.${process.pid}`;
  try {
    rmSync(draft, { force: true });
    writeFileSync(draft, `${process.pid}\n`, { flag: 'wx', mode: 0o644 });
    renameSync(draft, file);
  } catch (error) {
    throw new LaunchError(
      'PID_FILE_UNWRITABLE',
      `the pid file cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      undefined,
      undefined,
      { cause: error },
    );
  }
  process.on('exit', () => remove(file));
}

function remove(file: string): void {
  try {
    if (read(file) === process.pid) unlinkSync(file);
  } catch {
    // The user that this process has become may not remove it: then it stays, and nobody owns it.
  }
}

// The live process that wrote the file.
function ownerOf(file: string): number | undefined {
  const pid = read(file);
  if (pid === undefined) return undefined;
  const started = startTime(pid);
  if (started === undefined) return undefined;
  return started <= statSync(file).mtimeMs + tolerance ? pid : undefined;
}

function read(file: string): number | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

// When a process started, in milliseconds since 1970 (proc_pid_stat(5), field 22); undefined: there is none.
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    const boot = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1];
    return Number(boot) * 1000 + Number(fields[19]) * tick;
  } catch {
    return undefined;
  }
}
