// How every command line tool of the package ends.
import { type Command, CommanderError } from 'commander';

import { exitStatus, LaunchError } from '../errors.js';
import { report } from '../launcher/progress.js';

/**
 * Runs `main`. A LaunchError is shown without a stack trace and becomes the exit status; lines begin
 * with the program's name.
 */
export async function runCli(main: () => Promise<void>, program = 'wswrap'): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof LaunchError) {
      report(`${program}: ${error.message}`);
      if (error.hint !== undefined) report(`${' '.repeat(program.length)}  ${error.hint}`);
      process.exitCode = error.status;
    } else {
      report(`${program}: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = exitStatus.failed;
    }
  }
}

/** Does what these words ask for. For wrong ones, commander has shown a message: the status is 125. */
export async function runCommand(command: Command, words: readonly string[]): Promise<void> {
  try {
    await command.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : exitStatus.failed;
  }
}
