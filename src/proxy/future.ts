// What become.ts is to become: a command that was resolved, with its environment.
import { LaunchError } from '../errors.js';
import { resolveCommand } from '../launcher/command.js';
import { injectedEnvironment, type Variables } from '../launcher/environment.js';
import { withoutNotes } from '../launcher/inheritance.js';
import type { Injection } from '../launcher/injection.js';
import { findProgram } from '../launcher/search.js';

export interface Future {
  /** The file to execute. */
  path: string;
  argv: readonly string[];
  /** NAME=VALUE lines as byte strings ("latin1"). */
  environment: readonly string[];
}

/** The command with the shim in it. Throws a LaunchError if the shim's path cannot be preloaded. */
export function injectedFuture(
  { command: { path, argv }, shim, needed }: Injection,
  environment: readonly string[],
  variables: Variables,
): Future {
  return { path, argv, environment: injectedEnvironment(environment, shim, variables, needed) };
}

/** The command as it is. Throws a LaunchError if it cannot be executed. */
export function plainFuture(
  commandLine: readonly string[],
  environment: readonly string[],
): Future {
  return { ...plainCommand(commandLine), environment: withoutNotes(environment) };
}

// Without the shim, what cannot be looked into may still be executed: the kernel knows more kinds of
// programs (binfmt_misc).
function plainCommand(commandLine: readonly string[]): { path: string; argv: readonly string[] } {
  const searchPath = process.env['PATH'];
  try {
    const { path, argv } = resolveCommand(commandLine, searchPath);
    return { path, argv };
  } catch (error) {
    const unknown = ['COMMAND_UNREADABLE', 'FOREIGN_FORMAT'];
    if (!(error instanceof LaunchError) || !unknown.includes(error.code)) throw error;
    return { path: findProgram(commandLine[0] ?? '', searchPath), argv: commandLine };
  }
}
