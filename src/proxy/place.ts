// A file or folder that is held while it is looked at.
//
// A path that was checked can lead elsewhere by the time it is opened. So a place is opened first,
// with O_PATH: that only names it, and neither waits for a FIFO's writer nor wakes a device. Then
// the kernel is asked what it is and where it is, links resolved; and what is read or entered is
// that very place, through /proc/self/fd.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readdir, readlink } from 'node:fs/promises';

// open(2); Node has no name for it.
const O_PATH = 0o10000000;

/** Names and paths are bytes: each character stands for one (latin1). */
export class Place {
  private constructor(
    private readonly handle: FileHandle,
    /** Where it is, without links. */
    readonly path: string,
    readonly stats: Stats,
  ) {}

  /** Rejects with the Error of open(2). Close it after use. */
  static async open(path: string | Buffer): Promise<Place> {
    const handle = await open(path, O_PATH);
    try {
      return new Place(handle, await readlink(link(handle), 'latin1'), await handle.stat());
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * What lies in this folder under these names. Undefined if links lead out of it. A name must not
   * be `..` or have a slash or a NUL. Rejects with the Error of open(2).
   */
  async enter(names: readonly string[]): Promise<Place | undefined> {
    const path = [link(this.handle), ...names].join('/');
    const place = await Place.open(Buffer.from(path, 'latin1'));
    if (this.encloses(place)) return place;
    await place.close();
    return undefined;
  }

  /** A descriptor to read this file from. Rejects with the Error of open(2). */
  read(): Promise<FileHandle> {
    return open(link(this.handle), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  }

  /** The names in this folder. Rejects with the Error of readdir(3). */
  list(): Promise<string[]> {
    return readdir(link(this.handle), 'latin1');
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private encloses({ path }: Place): boolean {
    return path === this.path || path.startsWith(this.path === '/' ? '/' : `${this.path}/`);
  }
}

/** A path to what a descriptor is open on, wherever that has been moved. */
export function link({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}
