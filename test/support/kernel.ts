// What the kernel knows about sockets and processes, from /proc (proc_net_tcp(5), proc(5)).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

function stat(file: string): string[] {
  const text = readFileSync(file, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** The state of each thread of a process: R for running, S for waiting in the kernel. */
export function threadStates(pid: number): string[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap((task) => {
    try {
      return stat(`/proc/${pid}/task/${task}/stat`).slice(0, 1);
    } catch {
      return []; // ended in between
    }
  });
}

/** The value of a line of a process's status: `Seccomp`, `State` (proc_pid_status(5)). */
export function statusOf(pid: number, field: string): string | undefined {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1];
}

/** The pids of a process's children, whichever of its threads began them; none if it has ended. */
export function childrenOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1'));
    return lists.join(' ').trim().split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** CPU seconds that all threads of a process used so far (in steps of a clock tick, 10 ms). */
export function cpuSeconds(pid: number): number {
  const fields = stat(`/proc/${pid}/stat`);
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The numbers of the descriptors that a process has open. */
export function openDescriptors(pid: number): number[] {
  return readdirSync(`/proc/${pid}/fd`).map(Number);
}

/** The sockets that a process has open, each by a name that is its own in the whole system. */
export function openSockets(pid: number): string[] {
  return openTargets(pid).filter((target) => target.startsWith('socket:'));
}

/** The paths of what a process has open in a folder, the folder itself included. */
export function openIn(pid: number, folder: string): string[] {
  return openTargets(pid).filter((target) => `${target}/`.startsWith(`${folder}/`));
}

function openTargets(pid: number): string[] {
  return openDescriptors(pid).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed in between
    }
  });
}

/** The files with paths that begin so that this process has open. */
export function openFiles(prefix: string): string[] {
  return openTargets(process.pid).filter((target) => target.startsWith(prefix));
}

/** For a test's `skip` option: false when this machine has IPv6 on loopback. */
export function needsIPv6(): string | false {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((one) => one?.address === '::1') ? false : 'needs IPv6 on loopback';
}

/** Bytes of a process that are in memory (VmRSS). */
export function residentMemory(pid: number): number {
  return Number.parseInt(statusOf(pid, 'VmRSS') ?? '0', 10) * 1024;
}
