// Who is told what happens, so that it can be counted. Without --metrics that is nobody: the library
// that counts takes time to load and memory, and looks at its process a hundred times a second.
import type { ProxyOptions } from './options.js';

/** See Metrics for what each call means. */
export type Meter = Pick<
  import('./metrics.js').Metrics,
  | 'connectionOpened'
  | 'connectionClosed'
  | 'sessionOpened'
  | 'sessionClosed'
  | 'refused'
  | 'received'
  | 'sent'
  | 'targetFailed'
  | 'snapshot'
>;

const nobody: Meter = {
  connectionOpened() {},
  connectionClosed() {},
  sessionOpened() {},
  sessionClosed() {},
  refused() {},
  received() {},
  sent() {},
  targetFailed() {},
  snapshot: async () => ({}),
};

/** The meter of a process. */
export async function openMeter({ process: { metrics } }: ProxyOptions): Promise<Meter> {
  if (metrics === undefined) return nobody;
  const { Metrics } = await import('./metrics.js');
  return new Metrics();
}
