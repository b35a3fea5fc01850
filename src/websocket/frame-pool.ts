// Memory for frames on their way to the kernel, used again and again: one frame is one write, and the
// garbage collector has nothing to do for it.

/** The most that a frame's header takes (RFC 6455 section 5.2, unmasked). */
export const largestHeader = 10;
/** A larger write becomes several frames, so that no client's limit is hit. */
export const largestPayload = 64 * 1024;

// Smaller ones come from Node's own pool.
const smallest = 4096;
// Kept for later; more are left to the garbage collector.
const most = 64;

const free: Buffer[] = [];

/** Memory for a header and so many bytes of payload, which starts behind the largest header. */
export function takeFrame(payload: number): Buffer {
  if (payload < smallest) return Buffer.allocUnsafe(largestHeader + payload);
  return free.pop() ?? Buffer.allocUnsafeSlow(largestHeader + largestPayload);
}

/** Nobody uses this memory any more. */
export function releaseFrame(frame: Buffer): void {
  if (frame.length === largestHeader + largestPayload && free.length < most) free.push(frame);
}
