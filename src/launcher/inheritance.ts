// What this process was given before Node (and the shell) changed it, as bin/wswrap noted it in the
// environment.
import { readFileSync } from 'node:fs';

import type { Inheritance } from '../native.js';

/**
 * Reads the notes. Without them (the launcher was not started by bin/wswrap) only the standard
 * descriptors are passed on and all signals get their default action.
 */
export function readInheritance(environment: NodeJS.ProcessEnv): Inheritance {
  const descriptors = (environment['WSWRAP_DESCRIPTORS'] ?? '')
    .split(' ')
    .filter((word) => /^\d+$/.test(word))
    .map(Number);
  const openFiles = environment['WSWRAP_OPEN_FILES'] ?? '';
  return {
    descriptors,
    ignoredSignals: signalsOf(environment['WSWRAP_IGNORED_SIGNALS'] ?? ''),
    ...(/^\d+$/.test(openFiles) ? { openFiles: Number(openFiles) } : {}),
  };
}

// The numbers of the signals in a mask of /proc/PID/status: bit n - 1 stands for signal n.
function signalsOf(mask: string): number[] {
  if (!/^[0-9a-f]{1,16}$/.test(mask)) return [];
  const bits = BigInt(`0x${mask}`);
  return Array.from({ length: 64 }, (_, i) => i + 1).filter(
    (number) => ((bits >> BigInt(number - 1)) & 1n) === 1n,
  );
}

/**
 * The environment as it was given to bin/wswrap: with what the shell would not pass on. Each line is
 * a byte string (a character for each byte, "latin1"), because nobody promised that it is UTF-8.
 */
export function readEnvironment(): string[] {
  const lines = splitAtNul(readFileSync('/proc/self/environ'));
  const notes = lines.find((line) => line.startsWith('WSWRAP_VARIABLES=')) ?? '';
  const dropped = splitAtNul(Buffer.from(notes.slice(notes.indexOf('=') + 1), 'base64'));
  // A shell that did pass them on leads to the same line twice.
  return [...new Set([...lines, ...dropped])].filter((line) => line.includes('='));
}

/** Lines of an environment without those that bin/wswrap has written for its own launcher. */
export function withoutNotes(lines: readonly string[]): string[] {
  const note = /^WSWRAP_(?:DESCRIPTORS|IGNORED_SIGNALS|OPEN_FILES|VARIABLES)=/;
  return lines.filter((line) => !note.test(line));
}

/** The last `count` arguments of this process, byte for byte; process.argv takes all for UTF-8. */
export function readArguments(count: number): Buffer[] {
  const all = splitAtNul(readFileSync('/proc/self/cmdline'));
  return all.slice(all.length - count).map((argument) => Buffer.from(argument, 'latin1'));
}

// The strings of a list in which each is followed by a NUL.
function splitAtNul(list: Buffer): string[] {
  return list.toString('latin1').split('\0').slice(0, -1);
}
