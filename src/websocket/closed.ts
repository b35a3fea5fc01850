// The end of a stream, however it came: an error is nobody's business here.

/** Resolves when the stream has closed, at once if it has already or there is none. */
export function closed(
  stream: { closed: boolean; once(event: 'close', listener: () => void): unknown } | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    if (stream === undefined || stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}
