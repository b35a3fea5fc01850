// Bytes that no two offsets share, and a checksum of them; test/servers/transfer.h makes the same.

/** `size` pseudo-random bytes: the high byte of each step of xorshift32. */
export function generate(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < size; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** FNV-1a, 32 bits, as eight hexadecimal digits. */
export function hash(bytes: Uint8Array): string {
  let sum = 2166136261;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 16777619);
  return (sum >>> 0).toString(16).padStart(8, '0');
}

/** What a server's `sink` mode answers at the end of these bytes. */
export function summary(bytes: Uint8Array): string {
  return `${bytes.length} ${hash(bytes)}`;
}
