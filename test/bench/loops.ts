// How many system calls each style of server makes for a message, plain and wrapped.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { type Contender, direct, endAll, styles, wrapped } from './contenders.js';
import { load } from './processes.js';
import { find, requires } from './programs.js';
import type { Figure } from './report/report.js';
import type { Settings } from './settings.js';
import { resting, type Subject, syscallsPerMessage } from './syscalls.js';

const execute = promisify(execFile);

const size = 64;
const large = 65_536;

function subjectsOf(
  strace: string,
  style: string,
  { name, protocol, port, pids }: Contender,
): Subject[] {
  const common = { style, contender: name, pid: pids[0] ?? 0 };
  const ping = async (messages: number) => {
    const words = ['ping', String(size), String(messages), `${protocol}:${port}`];
    await execute(...resting(strace, load, ...words));
  };
  const upload = async (messages: number) => {
    await execute(load, ['up', protocol, String(port), String(large), String(messages * large)]);
  };
  return [
    { ...common, task: 'ping', title: `ping-pong of ${size} B, ${style} server`, run: ping },
    { ...common, task: 'upload', title: `upload of 64 KiB frames, ${style} server`, run: upload },
  ];
}

/** System calls per message of ping-pong and uploads, for each style of server. */
export async function loops(settings: Settings): Promise<Figure[]> {
  const strace = find('strace');
  if (strace === undefined) {
    settings.skip(`system calls per message: ${requires('strace')}`);
    return [];
  }
  const contenders: Contender[] = [];
  const subjects: Subject[] = [];
  for (const style of settings.quick ? (['epoll-level'] as const) : styles) {
    for (const contender of [await direct(style), await wrapped(style)]) {
      contenders.push(contender);
      subjects.push(...subjectsOf(strace, style, contender));
    }
  }
  const figures = await syscallsPerMessage(settings, strace, subjects);
  await endAll(contenders);
  return figures;
}
