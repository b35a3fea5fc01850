// The benchmark: `npm run bench -- --help`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';

import { packageRoot } from '../../src/paths.js';
import { applications } from './applications.js';
import { connections, growth, memory } from './connections.js';
import { broken, contract } from './contract.js';
import { foreign } from './foreign.js';
import { instructions } from './instructions.js';
import { latency } from './latency.js';
import { loops } from './loops.js';
import { machine } from './machine.js';
import { stopAll } from './processes.js';
import { install, type Program } from './programs.js';
import { prose } from './prose.js';
import { page } from './report/page.js';
import { picture } from './report/picture.js';
import type { Figure, Report } from './report/report.js';
import { table } from './report/table.js';
import type { Settings } from './settings.js';
import { startup } from './startup.js';

import { throughput } from './throughput.js';

interface Measurement {
  take(settings: Settings): Promise<Figure[]>;
  /** What it would be less without. */
  programs?: Program[];
}

const peers: Program[] = ['websockify', '/usr/sbin/haproxy'];

const measurements: Record<string, Measurement> = {
  throughput: { take: throughput, programs: peers },
  latency: { take: latency, programs: peers },
  connections: { take: connections, programs: peers },
  memory: { take: memory },
  growth: { take: growth },
  applications: { take: applications, programs: ['redis-server', '/usr/sbin/nginx'] },
  startup: { take: startup },
  foreign: { take: foreign },
  loops: { take: loops, programs: ['strace'] },
  instructions: { take: instructions, programs: ['valgrind'] },
};

interface Options {
  quick: boolean;
  check: boolean;
  only?: string[];
  rounds?: string;
  turn?: string;
  output: string;
}

const examples = `
Examples:
  npm run bench                                 everything, some twenty minutes
  npm run bench -- --quick                      the most important, under two minutes
  npm run bench -- --quick --check              exit status 1 if a promise is broken
  npm run bench -- --only throughput latency    these alone
  npm run bench -- --output docs                the page that is committed

Nothing else should run on the machine meanwhile.
`;

const command = new Command('npm run bench --')
  .description(
    'Measures wswrap and wsproxy side by side with plain TCP and with other proxies, on loopback.',
  )
  .option('--quick', 'fewer figures, rounds and bytes: for a first look', false)
  .option('--check', 'exit with status 1 if a promise is missed by more than its spread', false)
  .addOption(new Option('--only <what...>', 'measure only this').choices(Object.keys(measurements)))
  .option('--rounds <n>', 'how often each contender has its turn')
  .option('--turn <seconds>', 'how long a turn takes')
  .option('--output <dir>', 'where benchmark.md, .json and .svg go', join('build', 'bench'))
  .addHelpText('after', examples)
  .parse();
const options = command.opts<Options>();

const isTerminal = process.stderr.isTTY;
const began = performance.now();
const skipped: string[] = [];
const settings: Settings = {
  quick: options.quick,
  rounds: Number(options.rounds ?? (options.quick ? 5 : 15)),
  turn: Number(options.turn ?? (options.quick ? 0.08 : 0.15)),
  progress(what) {
    const seconds = ((performance.now() - began) / 1000).toFixed(0).padStart(5);
    const text = `${seconds} s  ${what}`;
    process.stderr.write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
  },
  skip(why) {
    skipped.push(why);
  },
};
if (!(settings.rounds >= 1) || !(settings.turn > 0)) {
  command.error('error: --rounds and --turn are numbers above 0');
}

async function measure(): Promise<Report> {
  const taken = new Date().toISOString();
  const chosen = Object.entries(measurements)
    .filter(([name]) => options.only?.includes(name) ?? true)
    .map(([, measurement]) => measurement);
  await install([...new Set(chosen.flatMap(({ programs = [] }) => programs))]);
  const figures: Figure[] = [];
  for (const { take } of chosen) figures.push(...(await take(settings)));
  if (isTerminal) process.stderr.write('\r\x1b[K');
  const { quick, rounds } = settings;
  return {
    version: 1,
    taken,
    quick,
    rounds,
    machine: machine(),
    figures,
    contract: contract(figures),
    skipped: [...new Set(skipped)],
  };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopAll();
    process.kill(process.pid, signal);
  });
}

try {
  const report = await measure();
  console.log(table(report));
  const folder = resolve(packageRoot, options.output);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'benchmark.json'), `${JSON.stringify(report, undefined, 1)}\n`);
  writeFileSync(join(folder, 'benchmark.md'), page(report, prose));
  writeFileSync(join(folder, 'benchmark.svg'), picture(report));
  console.log(`Also in ${join(options.output, 'benchmark.md')}, .json and .svg.`);
  if (options.check && broken(report).length > 0) process.exitCode = 1;
} finally {
  stopAll();
}
