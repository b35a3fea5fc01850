// Several processes behind one port. The main process accepts and hands each socket to the worker with
// the fewest: so it can count them, number them, and lose none when a worker dies.
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';

import { LaunchError } from '../errors.js';
import { relayedRecord } from '../log/relay.js';
import type { Address } from './address.js';
import type { Backend } from './backend.js';
import type { EngineSettings } from './engine-settings.js';
import type { FromWorker, ToWorker } from './messages.js';
import type { Sessions } from './sessions.js';
import type { TlsMaterial } from './tls.js';

const program = fileURLToPath(new URL('worker.js', import.meta.url));
// A worker that dies sooner than this is not replaced at once, or it would keep the machine busy.
const minimumLife = 1000;
// How long a worker may take to answer, in milliseconds, before it is left out of the metrics.
const answerTime = 2000;

/** Shows a record that a worker logged. */
type ShowRecord = (record: string) => void;

class Worker {
  readonly child: ChildProcess;
  readonly started = performance.now();
  /** That are open. */
  sessions = 0;
  /** Sockets that it was ever given. */
  sockets = 0;
  /** Resolves when it has ended and everything that it said was heard. */
  readonly ended: Promise<void>;
  readonly #answers = new Map<number, (snapshot: object) => void>();
  #count = 0;

  constructor(settings: EngineSettings, sessions: Sessions, show: ShowRecord, log: Logger) {
    // A daemon holds no folder, and keeps nobody waiting who reads what it prints.
    const output = settings.options.process.daemon ? 'ignore' : 'inherit';
    this.child = fork(program, [], { cwd: '/', stdio: ['ignore', output, output, 'ipc'] });
    this.ended = endOf(this.child);
    this.child.on('error', (error) => log.error(error, 'a worker process failed'));
    this.child.on('message', (message: FromWorker) => {
      const record = relayedRecord(message);
      if (record !== undefined) return show(record);
      switch (message.kind) {
        case 'admit': {
          const granted = sessions.admit();
          if (granted) this.sessions += 1;
          return this.tell({ kind: 'admitted', id: message.id, granted });
        }
        case 'released':
          this.sessions -= 1;
          return sessions.release();
        case 'metrics':
          this.#answers.get(message.id)?.(message.snapshot);
      }
    });
    this.tell({ kind: 'start', settings });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when it can take sockets. Rejects when it ends before. */
  async ready(): Promise<void> {
    const ended = this.ended.then(() => {
      throw new LaunchError('WORKER_FAILED', 'a worker process ended before it was ready');
    });
    const ready = new Promise<void>((resolve) => {
      this.child.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') resolve();
      });
    });
    await Promise.race([ready, ended]);
  }

  tell(message: ToWorker, socket?: Socket): void {
    if (!this.child.connected) return void socket?.destroy();
    this.child.send(message, socket, {}, (error) => {
      if (error !== null) socket?.destroy();
    });
  }

  async snapshot(): Promise<object | undefined> {
    this.#count += 1;
    const id = this.#count;
    const answer = new Promise<object>((resolve) => this.#answers.set(id, resolve));
    this.tell({ kind: 'metrics', id });
    const snapshot = await Promise.race([answer, delay(answerTime, undefined)]);
    this.#answers.delete(id);
    return snapshot;
  }

  /** Asks it to end, and resolves when it has. */
  async end(kind: 'retire' | 'drain' | 'goAway'): Promise<void> {
    this.tell({ kind });
    await this.ended;
  }
}

// A process can be gone before all that it sent was read.
async function endOf(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const events = ['exit', 'disconnect'] as const;
  await Promise.all(events.map((event) => new Promise((resolve) => child.once(event, resolve))));
}

export class WorkerPool implements Backend {
  #workers: Worker[] = [];
  readonly #starting = new Set<Worker>();
  readonly #leaving = new Set<Worker>();
  /** Accepted while there was no worker at all. */
  readonly #waiting: { socket: Socket; number: number }[] = [];
  #targets: readonly Address[] = [];
  #closed = false;

  private constructor(
    private readonly count: number,
    private settings: EngineSettings,
    private readonly sessions: Sessions,
    private readonly show: ShowRecord,
    private readonly log: Logger,
  ) {}

  /** Starts so many processes; resolves when all are ready. */
  static async start(
    count: number,
    settings: EngineSettings,
    sessions: Sessions,
    show: ShowRecord,
    log: Logger,
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(count, settings, sessions, show, log);
    pool.#workers = await pool.#fork();
    return pool;
  }

  accept(socket: Socket, number: number): void {
    const [first, ...others] = this.#workers;
    if (first === undefined) {
      this.#waiting.push({ socket, number });
      return;
    }
    const least = others.reduce((a, b) => (isIdler(b, a) ? b : a), first);
    least.sockets += 1;
    socket.on('error', () => undefined);
    least.tell({ kind: 'socket', number }, socket);
  }

  setTargets(addresses: readonly Address[]): void {
    this.#targets = addresses;
    this.#tellAll({ kind: 'targets', addresses });
  }

  reloadTls(material: TlsMaterial): void {
    this.settings = { ...this.settings, tls: material };
    this.#tellAll({ kind: 'tls', material });
  }

  async drain(): Promise<void> {
    await this.#end('drain');
  }

  async goAway(): Promise<void> {
    await this.#end('goAway');
  }

  async metrics(): Promise<readonly object[]> {
    const all = [...this.#workers, ...this.#leaving];
    const snapshots = await Promise.all(all.map((worker) => worker.snapshot()));
    return snapshots.filter((snapshot): snapshot is object => snapshot !== undefined);
  }

  async restart(): Promise<void> {
    const before = this.#workers;
    this.#workers = await this.#fork();
    this.log.info(`${this.count} new worker processes; the old ones end with their sessions`);
    for (const worker of before) void this.#retire(worker, 'retire');
  }

  async #fork(): Promise<Worker[]> {
    const workers = Array.from({ length: this.count }, () => this.#forkOne());
    try {
      await Promise.all(workers.map((worker) => this.#ready(worker)));
    } catch (error) {
      for (const worker of workers) void worker.end('goAway');
      throw error;
    }
    for (const worker of workers) void this.#watch(worker);
    return workers;
  }

  #forkOne(): Worker {
    const worker = new Worker(this.settings, this.sessions, this.show, this.log);
    this.#starting.add(worker);
    if (this.#targets.length > 0) worker.tell({ kind: 'targets', addresses: this.#targets });
    return worker;
  }

  async #ready(worker: Worker): Promise<void> {
    try {
      await worker.ready();
    } finally {
      this.#starting.delete(worker);
    }
  }

  // A worker that dies takes its own sessions along and nobody else's.
  async #watch(worker: Worker): Promise<void> {
    await worker.ended;
    const { exitCode, signalCode } = worker.child;
    this.sessions.release(worker.sessions);
    worker.sessions = 0;
    this.#leaving.delete(worker);
    if (!this.#workers.includes(worker)) return;
    this.#workers = this.#workers.filter((other) => other !== worker);
    this.log.error(`worker process ${worker.pid} died (${signalCode ?? `status ${exitCode}`})`);
    if (performance.now() - worker.started < minimumLife) await delay(minimumLife);
    await this.#replace();
  }

  async #replace(): Promise<void> {
    while (!this.#closed) {
      const worker = this.#forkOne();
      try {
        await this.#ready(worker);
        void this.#watch(worker);
        this.#workers.push(worker);
        for (const { socket, number } of this.#waiting.splice(0)) this.accept(socket, number);
        return;
      } catch (error) {
        this.log.error(error, 'trying once more');
        await delay(minimumLife);
      }
    }
  }

  async #end(kind: 'drain' | 'goAway'): Promise<void> {
    this.#closed = true;
    const all = [...this.#workers, ...this.#leaving];
    this.#workers = [];
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    await Promise.all(all.map((worker) => this.#retire(worker, kind)));
  }

  async #retire(worker: Worker, kind: 'retire' | 'drain' | 'goAway'): Promise<void> {
    this.#leaving.add(worker);
    await worker.end(kind);
    this.#leaving.delete(worker);
  }

  #tellAll(message: ToWorker): void {
    const all = [...this.#starting, ...this.#workers, ...this.#leaving];
    for (const worker of all) worker.tell(message);
  }
}

function isIdler(a: Worker, b: Worker): boolean {
  return a.sessions === b.sessions ? a.sockets < b.sockets : a.sessions < b.sessions;
}
