// The programs that the tests start, the libraries that they load into them, and the Debian package
// that brings each.
//
// This table is the only list: a test can ask only for a program that packages.ts knows how to
// install, so a machine that was set up by `npm test` never skips a test for want of a program (but
// for those that are too large to install for a test's sake).
import { lacks, locate, type Packages } from './locate.js';

const packageOf = {
  'g++': 'g++',
  'musl-gcc': 'musl-tools',
  make: 'make',
  // The path, because a version manager's `python3` is a shell script that starts another one.
  '/usr/bin/python3': 'python3',
  'clang-format': 'clang-format',
  'clang-tidy': 'clang-tidy',
  perl: 'perl',
  javac: 'default-jdk-headless',
  // Not `nc`: three programs of that name exist, with different options.
  'nc.openbsd': 'netcat-openbsd',
  ncat: 'ncat',
  socat: 'socat',
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  '/usr/sbin/nginx': 'nginx',
  '/usr/sbin/apache2': 'apache2-bin',
  curl: 'curl',
  busybox: 'busybox',
  openssl: 'openssl',
  '/usr/sbin/mosquitto': 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  initdb: 'postgresql',
  postgres: 'postgresql',
  pgbench: 'postgresql',
  psql: 'postgresql-client',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  // With its path, which it insists on.
  '/usr/sbin/sshd': 'openssh-server',
  ssh: 'openssh-client',
  scp: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  Xtigervnc: 'tigervnc-standalone-server',
  tigervncserver: 'tigervnc-standalone-server',
  tigervncpasswd: 'tigervnc-tools',
  xauth: 'xauth',
  chromium: 'chromium',
  bc: 'bc',
  '/usr/sbin/inetd': 'openbsd-inetd',
  tcpserver: 'ucspi-tcp',
  'systemd-socket-activate': 'systemd',
  gunicorn: 'gunicorn',
  faketime: 'faketime',
  'libjemalloc.so.2': 'libjemalloc2',
  'libtcmalloc_minimal.so.4': 'libtcmalloc-minimal4',
  // Python's modules.
  'gevent/__init__.py': 'python3-gevent',
  'uvloop/__init__.py': 'python3-uvloop',
} as const;

// There are no such packages for other machines.
const packageOnX64 = {
  // A link in the way of gcc -m32, which is no program of its own.
  '/usr/include/asm': 'g++-multilib',
} as const;

// Used where they are, and never installed: hundreds of megabytes.
const largePackageOf = {
  rustc: 'rustc',
} as const;

const everyPackageOf = { ...packageOf, ...packageOnX64, ...largePackageOf };

export type Program = keyof typeof everyPackageOf;

/** Those that a machine should have for the tests, each with its package. */
export const wanted: Packages = {
  ...packageOf,
  ...(process.arch === 'x64' ? packageOnX64 : {}),
};

/** Where this machine has it; see locate(). */
export function find(name: Program): string | undefined {
  return locate(name);
}

/**
 * For a test's `skip` option: false when every program is there, else the reason, which names
 * what is missing and where it comes from.
 */
export function requires(...names: Program[]): string | false {
  return lacks(everyPackageOf, names);
}
