// What it takes to start a command with the shim in it: the command resolved, the edition of the
// shim that fits its programs, and all that built.
import { loadAddon } from '../native.js';
import { shimPath } from '../paths.js';
import { ensureBuilt, nativePart, partOf } from './built.js';
import { type Command, resolveCommand } from './command.js';
import { editionsBeside } from './editions.js';
import { readNeeded } from './elf.js';
import { platformOf } from './platform.js';
import { chooseEdition, type Remedy } from './verdict.js';

export interface Injection {
  command: Command;
  /** The path of the shim to preload. */
  shim: string;
  /** The libraries that the command's programs are linked with. */
  needed: readonly string[];
}

/**
 * Prepares a command line for injection. Throws a LaunchError when the command cannot be executed
 * or injected, or the shim cannot be built; `remedy` is for its hint.
 */
export async function prepareInjection(
  commandLine: readonly string[],
  remedy?: Remedy,
): Promise<Injection> {
  const command = resolveCommand(commandLine, process.env['PATH']);
  await ensureBuilt(nativePart);
  const editions = editionsBeside(platformOf(shimPath));
  const edition = chooseEdition(command.programs, editions, loadAddon().getxattr, remedy);
  await ensureBuilt(partOf(edition));
  return { command, shim: edition.path, needed: command.programs.flatMap(readNeeded) };
}
