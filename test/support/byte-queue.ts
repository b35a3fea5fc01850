// Bytes that came in pieces and are taken in pieces of another size.

export class ByteQueue {
  #parts: Buffer[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(part: Buffer): void {
    this.#parts.push(part);
    this.#size += part.length;
  }

  /** The first `size` bytes, all if there are fewer. */
  take(size = this.#size): Buffer {
    const all = Buffer.concat(this.#parts);
    this.#parts = all.length > size ? [all.subarray(size)] : [];
    this.#size = Math.max(all.length - size, 0);
    return all.subarray(0, size);
  }
}
