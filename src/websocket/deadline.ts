// Clients that have not said yet what they want: each has so long, and there are only so many.
import type { Socket } from 'node:net';

interface Wait {
  timer: NodeJS.Timeout;
  forget(): void;
}

export class Waiting {
  readonly #waits = new Map<Socket, Wait>();

  /** `time` in milliseconds; when there are more than `most`, the oldest goes. */
  constructor(
    private readonly time: number,
    private readonly most: number,
    private readonly onLate: (socket: Socket, why: 'deadline' | 'crowd') => void,
  ) {}

  get count(): number {
    return this.#waits.size;
  }

  /** From now on the time runs, anew if it did before. A socket that closes is forgotten. */
  add(socket: Socket): void {
    this.delete(socket);
    const [oldest] = this.#waits.keys();
    if (this.#waits.size >= this.most && oldest !== undefined) this.#drop(oldest, 'crowd');
    const timer = setTimeout(() => this.#drop(socket, 'deadline'), this.time);
    const forget = () => this.delete(socket);
    this.#waits.set(socket, { timer, forget });
    socket.once('close', forget);
  }

  /** The socket's client has said what it wants. */
  delete(socket: Socket): void {
    const wait = this.#waits.get(socket);
    if (wait === undefined) return;
    clearTimeout(wait.timer);
    socket.off('close', wait.forget);
    this.#waits.delete(socket);
  }

  /** Closes all of them. */
  clear(): void {
    for (const socket of [...this.#waits.keys()]) {
      this.delete(socket);
      socket.destroy();
    }
  }

  #drop(socket: Socket, why: 'deadline' | 'crowd'): void {
    this.delete(socket);
    this.onLate(socket, why);
    socket.destroy();
  }
}
