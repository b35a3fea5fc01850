// What wswrap adds to the start of a program: the launcher once, which is Node, and the shim to each
// further program that a wrapped server starts.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { compile } from '../support/compile.js';
import { freePorts } from '../support/server.js';
import { wswrap } from './contenders.js';
import type { Figure } from './report/report.js';
import type { Settings } from './settings.js';
import { spread } from './statistics.js';

const execFileAsync = promisify(execFile);

/** One program takes so little that a few rounds would say nothing. */
const fewestRounds = 11;
const children = 50;

/** Milliseconds from the start to the end of a program that does nothing. */
export async function startup({ rounds, progress }: Settings): Promise<Figure[]> {
  progress('start-up');
  const program = compile({ name: 'startup', sources: ['test/bench/startup.cc'], flags: ['-O2'] });
  const once = [program, '0', '1'];
  const often = (port: string) => [program, port, String(children), program];
  const launcher = new Comparison(
    () => [...once, program],
    (port) => [...once, wswrap, port, program],
  );
  const child = new Comparison(often, (port) => [wswrap, port, ...often(port)]);
  for (let round = 0; round < Math.max(rounds, fewestRounds); round += 1) {
    const [port] = await freePorts(1);
    await launcher.run(String(port));
    await child.run(String(port));
  }
  return [
    launcher.figure('startup/launcher', 'a program, started by wswrap'),
    child.figure('startup/child', 'a program, started by a wrapped server'),
  ];
}

/** A command line that prints milliseconds, for a server on that port. */
type Command = (port: string) => readonly string[];

class Comparison {
  readonly #plain: number[] = [];
  readonly #wrapped: number[] = [];

  constructor(
    readonly plain: Command,
    readonly wrapped: Command,
  ) {}

  async run(port: string): Promise<void> {
    this.#plain.push(await milliseconds(this.plain(port)));
    this.#wrapped.push(await milliseconds(this.wrapped(port)));
  }

  figure(id: string, title: string): Figure {
    return {
      id,
      group: 'Start-up',
      title,
      unit: 'ms',
      better: 'less',
      rows: [
        { contender: 'plain TCP', value: spread(this.#plain) },
        { contender: 'wswrap', value: spread(this.#wrapped) },
      ],
    };
  }
}

async function milliseconds([file = '', ...words]: readonly string[]): Promise<number> {
  const { stdout } = await execFileAsync(file, words);
  const time = Number(stdout);
  if (!(time > 0)) throw new Error(`${file} ${words.join(' ')} said: ${stdout}`);
  return time;
}
