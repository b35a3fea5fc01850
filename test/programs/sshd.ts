// sshd with keys and settings of its own, and its clients.
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { scratch } from '../launcher/run.js';
import { Command, type CommandOptions } from './command.js';

const program = '/usr/sbin/sshd';

/** What sshd reported if a filter of system calls had killed a process of its. */
export const killed = /terminated by signal|Bad system call|privsep/i;

export interface Outcome {
  code: number;
  stdout: Buffer;
  stderr: string;
}

export class Sshd {
  private constructor(
    readonly command: Command,
    /** Where the keys are, and room for files of the test. */
    readonly folder: string,
  ) {}

  static async start(t: TestContext, options: CommandOptions): Promise<Sshd> {
    const folder = scratch(t);
    for (const key of ['host', 'user']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
    }
    const hostKey = readFileSync(join(folder, 'host.pub'), 'utf8');
    writeFileSync(join(folder, 'known'), `server ${hostKey}`);
    copyFileSync(join(folder, 'user.pub'), join(folder, 'authorized'));
    writeFileSync(join(folder, 'settings'), settings(folder));
    // Where its unprivileged processes are locked into; made at boot, usually.
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const words = (port: number) => {
      return [program, '-D', '-e', '-f', join(folder, 'settings'), '-p', `${port}`];
    };
    return new Sshd(await Command.start(t, words, options), folder);
  }

  /** Runs a command in a session of its own, with `input`; by way of `port`. */
  run(port: number, command: string, input: Buffer, ...options: string[]): Promise<Outcome> {
    const words = [...this.#options('user', '-p', port), ...options, userInfo().username];
    return run('ssh', [...words.slice(0, -1), `${words.at(-1)}@127.0.0.1`, command], input);
  }

  /** Tries to log in with a key that the server does not know. */
  intrude(port: number): Promise<Outcome> {
    const words = this.#options('host', '-p', port);
    return run('ssh', [...words, '127.0.0.1', 'true'], Buffer.alloc(0));
  }

  /** Copies a file to the server or from it; the side that is not on this machine begins with `:`. */
  copy(port: number, from: string, to: string, ...options: string[]): Promise<Outcome> {
    const place = (path: string) => path.replace(/^:/, '127.0.0.1:');
    const words = [...this.#options('user', '-P', port), ...options, place(from), place(to)];
    return run('scp', words, Buffer.alloc(0));
  }

  #options(key: string, portOption: string, port: number): string[] {
    const settings = {
      BatchMode: 'yes',
      IdentitiesOnly: 'yes',
      IdentityFile: join(this.folder, key),
      HostKeyAlias: 'server',
      UserKnownHostsFile: join(this.folder, 'known'),
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return ['-F', 'none', ...options, portOption, `${port}`];
  }
}

function settings(folder: string): string {
  const lines = {
    ListenAddress: '127.0.0.1',
    HostKey: join(folder, 'host'),
    AuthorizedKeysFile: join(folder, 'authorized'),
    PidFile: 'none',
    UsePAM: 'no',
    // The folder for temporary files, which anyone may write to, is above the keys.
    StrictModes: 'no',
    PermitRootLogin: 'prohibit-password',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    LogLevel: 'VERBOSE',
    Subsystem: 'sftp internal-sftp',
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}

function run(file: string, words: string[], input: Buffer): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024, timeout: 60_000 } as const;
    const child = execFile(file, words, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr: stderr.toString() });
      else reject(new Error(`${file} ${words.join(' ')}: ${stderr}`, { cause: error }));
    });
    // A session that ends before it has read everything is the server's decision.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
