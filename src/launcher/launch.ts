// Starts a server under the shim: the main line of the launcher.
import { errnoOf, exitStatus, LaunchError } from '../errors.js';
import { loadAddon } from '../native.js';
import { type Settings, serverEnvironment } from './environment.js';
import { readArguments, readEnvironment, readInheritance } from './inheritance.js';
import { prepareInjection } from './injection.js';

/**
 * Becomes the server: same process, terminal, signals and exit status. Returns only by throwing,
 * a LaunchError in general.
 */
export async function launch(settings: Settings, commandLine: readonly string[]): Promise<never> {
  const { command, shim, needed } = await prepareInjection(commandLine);
  // The arguments once more, as bytes: what is not UTF-8 did not survive in `command`.
  const args = readArguments(commandLine.length - 1);
  const argv = [...command.argv.slice(0, command.argv.length - args.length), ...args];
  const environment = serverEnvironment(readEnvironment(), shim, settings, needed).map((line) =>
    Buffer.from(line, 'latin1'),
  );
  try {
    return loadAddon().execve(command.path, argv, environment, readInheritance(process.env));
  } catch (error) {
    throw new LaunchError(
      'EXECVE_FAILED',
      `${command.path}: ${errnoOf(error) ?? String(error)}`,
      undefined,
      exitStatus.notExecutable,
      { cause: error },
    );
  }
}
