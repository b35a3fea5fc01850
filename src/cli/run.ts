// How every command line tool of the package ends.
import { exitStatus, LaunchError } from '../errors.js';
import { report } from '../launcher/progress.js';

/** Runs `main`. A LaunchError is shown without a stack trace and becomes the exit status. */
export async function runCli(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof LaunchError) {
      report(`wswrap: ${error.message}`);
      if (error.hint !== undefined) report(`        ${error.hint}`);
      process.exitCode = error.status;
    } else {
      report(`wswrap: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = exitStatus.failed;
    }
  }
}
