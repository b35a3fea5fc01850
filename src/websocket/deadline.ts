// Clients that have not said yet what they want: each has so long, and there are only so many.
import type { Socket } from 'node:net';

export class Waiting {
  readonly #timers = new Map<Socket, NodeJS.Timeout>();

  /** `time` in milliseconds; when there are more than `most`, the oldest goes. */
  constructor(
    private readonly time: number,
    private readonly most: number,
    private readonly onLate: (socket: Socket, why: 'deadline' | 'crowd') => void,
  ) {}

  get count(): number {
    return this.#timers.size;
  }

  /** From now on the time runs. A socket that closes is forgotten. */
  add(socket: Socket): void {
    const [oldest] = this.#timers.keys();
    if (this.#timers.size >= this.most && oldest !== undefined) this.#drop(oldest, 'crowd');
    this.#timers.set(
      socket,
      setTimeout(() => this.#drop(socket, 'deadline'), this.time),
    );
    socket.once('close', () => this.delete(socket));
  }

  /** The socket's client has said what it wants. */
  delete(socket: Socket): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }

  /** Closes all of them. */
  clear(): void {
    for (const socket of [...this.#timers.keys()]) {
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
