// What this process was given before Node (and the shell) changed it, as bin/wswrap noted it in the
// environment.
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

/** The environment as it was given to bin/wswrap: with what the shell would not pass on. */
export function readEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const lines = Buffer.from(environment['WSWRAP_VARIABLES'] ?? '', 'base64')
    .toString('utf8')
    .split('\0')
    .filter((line) => line.includes('='));
  const dropped = lines.map((line) => {
    const equals = line.indexOf('=');
    return [line.slice(0, equals), line.slice(equals + 1)];
  });
  return { ...Object.fromEntries(dropped), ...environment };
}
