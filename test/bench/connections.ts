// What connections cost: how many can be made in a second, what an idle one takes of memory, and
// whether a message costs more when many others are open.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { type Contender, direct, endAll, styles, withLineup, wrapped } from './contenders.js';
import { clientCpu, cpuOf, load, memoryOf, run, stop } from './processes.js';
import type { Figure } from './report/report.js';
import { figure, rates } from './rounds.js';
import type { Settings } from './settings.js';
import { differences, spread } from './statistics.js';

const parallel = 8;

/** Connections per second: each shakes hands, gets one byte back, and is closed by both sides. */
export async function connections(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const style of settings.quick ? (['epoll-level'] as const) : styles) {
    settings.progress(`connections per second, ${style} server`);
    const title = `connections, ${parallel} at a time, ${style} server`;
    const about = { id: `connections/${style}`, group: 'Connections', title };
    await withLineup(settings, style, (all) => {
      const lost = new Map<string, number>();
      const values = rates(settings, all, 20, ({ name, protocol, port }, count) => {
        const words = ['connect', protocol, port, count, parallel];
        const { seconds = Number.NaN, unanswered = 0 } = run(...words);
        if (unanswered > 0) lost.set(name, (lost.get(name) ?? 0) + unanswered);
        return (count - unanswered) / seconds;
      });
      for (const [name, count] of lost) {
        settings.skip(`${count} connections to ${name} got no answer within a second`);
      }
      figures.push(figure({ ...about, unit: 'connections/s', better: 'more' }, all, values));
    });
  }
  return figures;
}

/** The client in the background: `lines` are what it reports, and it goes on at end() or a line. */
class Companion {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(...words: (string | number)[]) {
    this.#child = spawn(load, ['pin', clientCpu, load, ...words.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async report(): Promise<Record<string, number>> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the client failed');
    return JSON.parse(value) as Record<string, number>;
  }

  goOn(): void {
    this.#child.stdin?.write('\n');
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}

// Memory of the processes when so many connections are open, over what it is with none.
async function memoryWith(contender: Contender, count: number): Promise<number> {
  // What is made for the first connection is not made for each.
  const first = new Companion('hold', contender.protocol, contender.port, 1);
  await first.report();
  const before = memoryOf(contender.pids);
  const companion = new Companion('hold', contender.protocol, contender.port, count);
  await companion.report();
  const during = memoryOf(contender.pids);
  await companion.end();
  await first.end();
  return (during - before) / count;
}

/** Bytes per idle connection, each in processes that have not had any before. */
export async function memory(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of settings.quick ? [1000] : [10, 100, 1000, 10_000]) {
    settings.progress(`memory of ${count} idle connections`);
    const makers = [() => direct('epoll-level'), () => wrapped('epoll-level')];
    const values: number[][] = [[], []];
    for (let round = 0; round < Math.min(settings.rounds, 3); round += 1) {
      for (const [i, make] of makers.entries()) {
        const contender = await make();
        values[i]?.push(await memoryWith(contender, count));
        await stop(contender.pids[0] ?? 0);
      }
    }
    const [bare = [], own = []] = values;
    const group = 'Memory';
    const unit = 'B per connection';
    figures.push({
      id: `memory/${count}`,
      group,
      title: `user memory per idle connection, ${count} open`,
      unit,
      better: 'less',
      rows: [
        { contender: 'plain TCP', value: spread(bare) },
        { contender: 'wswrap', value: spread(own) },
        { contender: 'wswrap adds', value: spread(differences(own, bare)) },
      ],
    });
  }
  return figures;
}

// Microseconds of CPU that the server side needs for an echo, with so many connections open.
async function costWith(contender: Contender, open: number, count: number): Promise<number> {
  const companion = new Companion('spread', contender.protocol, contender.port, open, count);
  await companion.report();
  const before = cpuOf(contender.pids);
  companion.goOn();
  await companion.report();
  const used = cpuOf(contender.pids) - before;
  await companion.end();
  return (used / count) * 1e6;
}

/** CPU per message as connections grow, of servers with epoll (to poll(2), growth is inherent). */
export async function growth(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  const all = [await direct('epoll-level'), await wrapped('epoll-level')];
  for (const open of settings.quick ? [10, 1000] : [1, 10, 100, 1000, 10_000]) {
    settings.progress(`cost of a message with ${open} connections`);
    const values: number[][] = all.map(() => []);
    const count = Math.ceil(settings.turn * 40_000);
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const [i, one] of all.entries()) values[i]?.push(await costWith(one, open, count));
    }
    figures.push(
      figure(
        {
          id: `growth/${open}`,
          group: 'Growth',
          title: `server CPU for an echo of 64 B, ${open} connections`,
          unit: 'µs',
          better: 'less',
        },
        all,
        values,
      ),
    );
  }
  await endAll(all);
  return figures;
}
