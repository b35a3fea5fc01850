// The one kind of error that a user is meant to read.

/** wswrap's own failures, as `env`, `nice` and `timeout` number them. */
export const exitStatus = { failed: 125, notExecutable: 126, notFound: 127 } as const;

/** Why the launcher gives up: `message` says what happened, `hint` what to do about it. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';

  constructor(
    readonly code: string,
    message: string,
    readonly hint?: string,
    readonly status: number = exitStatus.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The errno name (`ENOENT`) of an error thrown by Node or by the addon, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
