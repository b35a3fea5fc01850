// Bounded reading of an ELF file. The file is not ours: no offset, size or string in it is trusted.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The headers of an ELF file contradict each other or the file's size. */
export class ElfError extends Error {
  override readonly name = 'ElfError';
  readonly code = 'ELF_INVALID';
}

// More than the largest symbol table of a real program.
const maxRead = 16 * 1024 * 1024;

export class ElfFile {
  readonly is64: boolean;
  private readonly littleEndian: boolean;

  private constructor(
    private readonly fd: number,
    private readonly size: number,
  ) {
    const ident = Buffer.alloc(16);
    if (readSync(fd, ident, 0, 16, 0) < 16 || ident.toString('latin1', 0, 4) !== '\x7fELF') {
      throw new ElfError('not an ELF file');
    }
    const [, , , , fileClass, encoding] = ident;
    if (fileClass !== 1 && fileClass !== 2) throw new ElfError(`unknown class ${fileClass}`);
    if (encoding !== 1 && encoding !== 2) throw new ElfError(`unknown byte order ${encoding}`);
    this.is64 = fileClass === 2;
    this.littleEndian = encoding === 1;
  }

  /** Opens a file for as long as `use` runs. */
  static with<Result>(path: string, use: (file: ElfFile) => Result): Result {
    const fd = openSync(path, 'r');
    try {
      return use(new ElfFile(fd, fstatSync(fd).size));
    } finally {
      closeSync(fd);
    }
  }

  /** The size of an address or offset, in bytes. */
  get wordSize(): 4 | 8 {
    return this.is64 ? 8 : 4;
  }

  read(offset: number, size: number): View {
    if (size > maxRead || offset + size > this.size)
      throw new ElfError('points outside of the file');
    const buffer = Buffer.alloc(size);
    for (let done = 0; done < size; ) {
      const count = readSync(this.fd, buffer, done, size - done, offset + done);
      if (count === 0) throw new ElfError('the file shrank');
      done += count;
    }
    return new View(buffer, this.wordSize, this.littleEndian);
  }
}

/** Bytes of an ELF file, read in its byte order and word size. */
export class View {
  constructor(
    private readonly buffer: Buffer,
    private readonly wordSize: 4 | 8,
    private readonly littleEndian: boolean,
  ) {}

  u8(at: number): number {
    return this.part(at, 1).readUInt8();
  }

  u16(at: number): number {
    const part = this.part(at, 2);
    return this.littleEndian ? part.readUInt16LE() : part.readUInt16BE();
  }

  u32(at: number): number {
    const part = this.part(at, 4);
    return this.littleEndian ? part.readUInt32LE() : part.readUInt32BE();
  }

  /** An address, offset or size of the file's class. */
  word(at: number): number {
    if (this.wordSize === 4) return this.u32(at);
    const part = this.part(at, 8);
    const value = this.littleEndian ? part.readBigUInt64LE() : part.readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ElfError('a number is out of range');
    return Number(value);
  }

  /** The string that begins at `at` and ends with a NUL. */
  string(at: number): string {
    const end = this.buffer.indexOf(0, at);
    return this.part(at, (end < 0 ? this.buffer.length : end) - at).toString('utf8');
  }

  slice(at: number, size: number): View {
    return new View(this.part(at, size), this.wordSize, this.littleEndian);
  }

  private part(at: number, size: number): Buffer {
    if (size < 0 || at + size > this.buffer.length) throw new ElfError('points outside of a table');
    return this.buffer.subarray(at, at + size);
  }
}
