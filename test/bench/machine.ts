// What a run ran on: without it a figure says nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

import { packageRoot } from '../../src/paths.js';
import { clientCpu, serverCpus } from './processes.js';
import { find, type Program } from './programs.js';

// The first line of a program's output that has a number with a dot in it.
function version(file: string | undefined, ...args: string[]): string {
  if (file === undefined) return 'not installed';
  try {
    const output = execFileSync(file, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return /^.*\d+\.\d+.*$/m.exec(output)?.[0].trim() ?? '?';
  } catch {
    return '?';
  }
}

function debianVersion(name: string): string {
  return version('/usr/bin/dpkg-query', '-W', name);
}

function packageVersion(file: string): string {
  return (JSON.parse(readFileSync(join(packageRoot, file), 'utf8')) as { version: string }).version;
}

/** Names and values. */
export function machine(): [string, string][] {
  const [cpu] = cpus();
  const commit = execFileSync('git', ['-C', packageRoot, 'describe', '--always'], {
    encoding: 'utf8',
  }).trim();
  const program = (name: Program, ...args: string[]) => version(find(name), ...args);
  return [
    ['CPU', `${cpu?.model.trim()}, ${availableParallelism()} CPUs, ${arch()}`],
    ['placement', `client on CPU ${clientCpu}, all others on CPU ${serverCpus}`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['kernel', `Linux ${release()}`],
    ['compiler', version('/usr/bin/g++', '--version')],
    ['wswrap', `${packageVersion('package.json')}, ${commit}`],
    ['Node.js', process.versions.node],
    ['ws', packageVersion('node_modules/ws/package.json')],
    [
      'websockify',
      find('websockify') === undefined ? 'not installed' : debianVersion('websockify'),
    ],
    ['HAProxy', program('/usr/sbin/haproxy', '-v')],
    ['redis-server', program('redis-server', '--version')],
    ['nginx', find('/usr/sbin/nginx') === undefined ? 'not installed' : debianVersion('nginx')],
  ];
}
