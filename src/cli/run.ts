// How every command line tool of the package ends.
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
