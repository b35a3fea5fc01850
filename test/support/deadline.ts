// A wait that ends: a test that waits in vain says for what, long before the runner gives up on it.

/** The longest that anything may take on a busy machine, in milliseconds. */
export const patience = 20_000;

/** Waits for `promise`; throws an Error naming `what` when that takes longer than `limit` ms. */
export async function within<T>(what: string, promise: Promise<T>, limit = patience): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit} ms in vain for ${what}`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `milliseconds`: for tests about time itself. */
export function elapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Looks every few milliseconds until `holds` does; for states that no event announces. */
export async function eventually(what: string, holds: () => boolean, limit = patience) {
  const end = performance.now() + limit;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain until ${what}`);
    await elapse(5);
  }
}
