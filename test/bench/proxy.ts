// wsproxy beside a bare pipe in Node and a proxy on the package `ws`: one client, one server, all on
// loopback, the contenders in turn in each round, medians of the rounds. `npm run bench`; with
// `-- --quick` it takes two minutes.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { packageRoot } from '../../src/paths.js';
import { compile } from '../support/compile.js';
import { cpuSeconds } from '../support/kernel.js';

interface Contender {
  name: string;
  protocol: 'tcp' | 'ws';
  port: number;
  pid: number;
}

interface Task {
  name: string;
  direction: 'up' | 'down';
  frame: number;
  megabytes: number;
}

const quick = process.argv.includes('--quick');
const rounds = quick ? 3 : 9;
const scale = quick ? 1 : 2;
const tasks: Task[] = [
  { name: 'upload, 64 KiB frames', direction: 'up', frame: 65_536, megabytes: 800 * scale },
  { name: 'upload, 1 KiB frames', direction: 'up', frame: 1024, megabytes: 400 * scale },
  { name: 'upload, 64 B messages', direction: 'up', frame: 64, megabytes: 64 * scale },
  { name: 'download', direction: 'down', frame: 65_536, megabytes: 800 * scale },
];

const load = compile({ name: 'load', sources: ['test/bench/load.cc'], flags: ['-O2'] });
const children: ChildProcess[] = [];

/** Starts a program and resolves with the number in the first line that matches. */
async function start(
  file: string,
  args: readonly string[],
  line: RegExp,
): Promise<[number, number]> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const { stdout, stderr } = child;
  const port = new Promise<number>((resolve, reject) => {
    for (const input of [stdout, stderr]) {
      createInterface({ input }).on('line', (text) => {
        const found = line.exec(text)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
    }
    child.on('exit', () => reject(new Error(`${file} ${args.join(' ')} ended`)));
  });
  return [await port, child.pid ?? 0];
}

async function contenders(target: number): Promise<Contender[]> {
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const node = process.execPath;
  const [pipe, pipePid] = await start(
    node,
    [path('contenders/net-pipe.js'), String(target)],
    /^(\d+)$/,
  );
  const [ws, wsPid] = await start(
    node,
    [path('contenders/ws-proxy.js'), String(target)],
    /^(\d+)$/,
  );
  const cli = join(packageRoot, 'bin/wsproxy');
  const [own, ownPid] = await start(
    cli,
    ['127.0.0.1:0', `127.0.0.1:${target}`],
    /Listen on \S+:(\d+)/,
  );
  return [
    { name: 'Node net pipe (TCP)', protocol: 'tcp', port: pipe, pid: pipePid },
    { name: 'wsproxy', protocol: 'ws', port: own, pid: ownPid },
    { name: 'proxy on ws', protocol: 'ws', port: ws, pid: wsPid },
  ];
}

interface Sample {
  rate: number;
  cpu: number;
}

async function measure({ protocol, port, pid }: Contender, task: Task): Promise<Sample> {
  const bytes = task.megabytes * 1e6;
  const before = cpuSeconds(pid);
  const words = ['run', protocol, String(port), task.direction, String(task.frame), String(bytes)];
  const child = spawn(load, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => {
    output += String(text);
  });
  await once(child, 'close');
  const seconds = Number(output);
  if (!(seconds > 0)) throw new Error(`load ${words.join(' ')} failed`);
  return { rate: task.megabytes / seconds, cpu: ((cpuSeconds(pid) - before) / bytes) * 1e9 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function compare(task: Task, all: readonly Contender[]): Promise<void> {
  const samples = new Map<Contender, Sample[]>(all.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of all) {
      samples.get(contender)?.push(await measure(contender, task));
    }
  }
  console.log(`\n${task.name}, medians of ${rounds} rounds`);
  const [first] = all;
  const reference = first === undefined ? [] : (samples.get(first) ?? []);
  for (const contender of all) {
    const own = samples.get(contender) ?? [];
    const ratios = own.map(({ rate }, i) => rate / (reference[i]?.rate ?? Number.NaN));
    const columns = [
      contender.name.padEnd(22),
      `${median(own.map(({ rate }) => rate)).toFixed(0)} MB/s`.padStart(11),
      `${median(ratios).toFixed(2)} of the pipe`.padStart(18),
      `${median(own.map(({ cpu }) => cpu)).toFixed(2)} s of CPU per GB`.padStart(24),
    ];
    console.log(columns.join(''));
  }
}

try {
  const version = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  console.log(`${version}, ${availableParallelism()} CPUs, Node ${process.versions.node}`);
  const [target] = await start(load, ['serve'], /^(\d+)$/);
  const all = await contenders(target);
  for (const task of tasks) await compare(task, all);
} finally {
  for (const child of children) child.kill();
}
