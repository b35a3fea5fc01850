// A server that wants the port that is moved listens on a private address, and says where; whatever
// else it binds stays as it is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';

import { run } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { within } from '../support/deadline.js';
import { requires } from '../support/programs.js';
import { Puppet } from '../support/puppet.js';
import { key, Reports } from '../support/reports.js';
import { isNative } from '../support/targets.js';

async function movedPuppet(t: TestContext, options: { raw?: boolean; talks?: boolean } = {}) {
  const reports = await Reports.open(t);
  const env = reports.variables;
  const puppet = await Puppet.start(t, { wrapped: true, env, ...options });
  return { reports, puppet };
}

async function connects(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  const outcome = await Promise.race([
    within('a connection', once(socket, 'connect')).then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return outcome;
}

// Not every machine has all of the system calls of raw.h.
for (const raw of isNative ? [false, true] : [false]) {
  const how = raw ? ' by syscall(2)' : '';

  test(`a socket that is bound to the port${how} listens elsewhere, and says where`, async (t) => {
    const { reports, puppet } = await movedPuppet(t, { raw });
    const fd = await puppet.must('bind', reports.port);
    await puppet.must('listen-on', fd);
    const [report] = await reports.until(1);
    assert.ok(report !== undefined);
    assert.deepEqual([report.key, report.host, report.pid], [key, '127.0.0.1', puppet.server.pid]);
    assert.notEqual(report.port, reports.port);
    assert.ok(await connects(report.host, report.port));
    assert.ok(!isListening(reports.port));
  });
}

for (const [asked, given] of [
  ['0.0.0.0', '127.0.0.1'],
  ['127.0.0.1', '127.0.0.1'],
  ['192.0.2.1', '127.0.0.1'],
  ['::', '::1'],
  ['::ffff:127.0.0.1', '::1'],
] as const) {
  test(`${asked} becomes ${given}`, async (t) => {
    const { reports, puppet } = await movedPuppet(t);
    await puppet.must('listen', asked, reports.port);
    const [report] = await reports.until(1);
    assert.equal(report?.host, given);
    assert.ok(await connects(given, report?.port ?? 0));
  });
}

test('the same port may be bound at IPv4 and at IPv6, and twice', async (t) => {
  const { reports, puppet } = await movedPuppet(t);
  for (const address of ['0.0.0.0', '::', '0.0.0.0']) {
    await puppet.must('listen', address, reports.port);
  }
  const found = await reports.until(3);
  assert.equal(new Set(found.map(({ host, port }) => `${host} ${port}`)).size, 3);
  for (const { host, port } of found) assert.ok(await connects(host, port), host);
});

test('a socket that is only bound is not told of', async (t) => {
  const { reports, puppet } = await movedPuppet(t);
  const trial = await puppet.must('bind', reports.port);
  await puppet.must('close', trial);
  await puppet.must('listen', '0.0.0.0', reports.port);
  await reports.until(1);
  // The listener's own port is another one.
  await puppet.must('listen', '127.0.0.1', 0);
  await puppet.must('listen', '0.0.0.0', reports.port);
  assert.equal((await reports.until(2)).length, 2);
});

test('listen may be called again, and tells again', async (t) => {
  const { reports, puppet } = await movedPuppet(t);
  const fd = await puppet.must('bind', reports.port);
  await puppet.must('listen-on', fd);
  await puppet.must('listen-on', fd);
  const [first, second] = await reports.until(2);
  assert.deepEqual(first, second);
});

test('a copy of the descriptor is the same socket', async (t) => {
  const { reports, puppet } = await movedPuppet(t);
  const fd = await puppet.must('bind', reports.port);
  const copy = await puppet.must('dup', fd);
  await puppet.must('close', fd);
  await puppet.must('listen-on', copy);
  await reports.until(1);
});

test('a port that was tried out again and again can still be had', async (t) => {
  const { reports, puppet } = await movedPuppet(t);
  for (let i = 0; i < 600; i += 1) {
    await puppet.must('close', await puppet.must('bind', reports.port));
  }
  await puppet.must('listen', '0.0.0.0', reports.port);
  await reports.until(1);
});

test('there may be 256 such sockets, and no more', async (t) => {
  const { reports, puppet } = await movedPuppet(t, { talks: true });
  const fds: number[] = [];
  for (let i = 0; i < 256; i += 1) fds.push(await puppet.must('bind', reports.port));
  assert.equal((await puppet.call('bind', reports.port)).error, 'ENOBUFS');
  await puppet.server.error(/wswrap: too many sockets are bound to port \d+\n/);
  await puppet.must('close', fds[100] ?? -1);
  await puppet.must('bind', reports.port);
  await puppet.must('listen-on', fds[255] ?? -1);
  await reports.until(1);
});

test('a server does not listen when nobody can be told', async (t) => {
  const reports = await Reports.open(t);
  const env = { ...reports.variables, WSWRAP_MOVE_REPORT: `${reports.path}-no` };
  const puppet = await Puppet.start(t, { wrapped: true, env, talks: true });
  const fd = await puppet.must('bind', reports.port);
  assert.equal((await puppet.call('listen-on', fd)).error, 'EADDRNOTAVAIL');
  await puppet.server.error(/wswrap: nobody can be told where the server listens: \S+-no, errno 2/);
  assert.equal((await puppet.call('accept', fd)).error, 'EINVAL');
});

for (const [what, variables] of [
  ['WSWRAP_MOVE', { WSWRAP_MOVE: '0' }],
  ['WSWRAP_MOVE', { WSWRAP_MOVE: '65536' }],
  ['WSWRAP_MOVE', { WSWRAP_MOVE: 'http' }],
  ['WSWRAP_MOVE', { WSWRAP_MOVE: '' }],
  ['WSWRAP_MOVE_REPORT', { WSWRAP_MOVE_REPORT: '' }],
  ['WSWRAP_MOVE_REPORT', { WSWRAP_MOVE_REPORT: 'relative' }],
  ['WSWRAP_MOVE_REPORT', { WSWRAP_MOVE_REPORT: `/${'x'.repeat(107)}` }],
  ['WSWRAP_MOVE_KEY', { WSWRAP_MOVE_KEY: '' }],
  ['WSWRAP_MOVE_KEY', { WSWRAP_MOVE_KEY: 'a b' }],
] as const) {
  const text = Object.values(variables).join();
  test(`a program does not start when ${what} is '${text.slice(0, 20)}'`, {
    skip: !isNative,
  }, async (t) => {
    const reports = await Reports.open(t);
    const result = await run('/bin/true', [], { env: { ...reports.environment, ...variables } });
    assert.equal(result.status, 125);
    assert.match(result.stderr, new RegExp(`^wswrap: .* ${what}\n$`));
  });
}

// What a server may do that the puppet does not.
const python = '/usr/bin/python3';

describe('a server in Python', { skip: isNative ? requires(python) : 'of another kind' }, () => {
  /** Runs a script to its end; `port` is the port that is moved. */
  async function script(t: TestContext, lines: string): Promise<{ reports: Reports; out: string }> {
    const reports = await Reports.open(t);
    const text = `from socket import *\nimport os, sys\nport = ${reports.port}\n${lines}`;
    const result = await run(python, ['-c', text], { env: reports.environment });
    assert.deepEqual([result.status, result.stderr], [0, '']);
    return { reports, out: result.stdout.trim() };
  }

  test('may bind IPv6 alone beside IPv4', async (t) => {
    const { reports } = await script(
      t,
      `
a, b = socket(AF_INET), socket(AF_INET6)
b.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
a.bind(('', port))
b.bind(('::', port))
a.listen()
b.listen()
`,
    );
    const hosts = (await reports.until(2)).map(({ host }) => host);
    assert.deepEqual(hosts, ['127.0.0.1', '::1']);
  });

  test('may share the port among its sockets', async (t) => {
    const { reports } = await script(
      t,
      `
for option in (SO_REUSEADDR, SO_REUSEPORT):
    sockets = [socket() for _ in range(2)]
    for s in sockets:
        s.setsockopt(SOL_SOCKET, option, 1)
        s.bind(('0.0.0.0', port))
    for s in sockets:
        s.listen()
`,
    );
    const found = await reports.until(4);
    assert.equal(found.length, 4);
  });

  test('may listen in a child of the process that has bound', async (t) => {
    const { reports, out } = await script(
      t,
      `
s = socket()
s.bind(('', port))
child = os.fork()
if child == 0:
    s.listen()
    os._exit(0)
os.waitpid(child, 0)
print(child)
`,
    );
    const [report] = await reports.until(1);
    assert.equal(report?.pid, Number(out));
  });

  test('finds all else as it is: other ports, UDP, and errors', async (t) => {
    const { reports, out } = await script(
      t,
      `
import errno
def error(s, *address):
    try:
        s.bind(*address)
        return 'ok'
    except OSError as e:
        return errno.errorcode[e.errno]
other = socket()
other.bind(('127.0.0.1', 0))
other.listen()
udp = socket(AF_INET, SOCK_DGRAM)
udp.bind(('127.0.0.1', port))
twice = socket()
twice.bind(('', port))
closed = socket()
os.close(closed.fileno())
print(udp.getsockname()[1] == port,
      error(socket(), other.getsockname()),
      error(socket(), ('192.0.2.1', other.getsockname()[1])),
      error(twice, ('', port)),
      error(closed, ('', port)))
closed.detach()
twice.listen()
`,
    );
    assert.equal(out, 'True EADDRINUSE EADDRNOTAVAIL EINVAL EBADF');
    await reports.until(1);
  });

  test('waits for a bounded time when nobody takes its report, whatever signals come', async (t) => {
    const { reports, out } = await script(
      t,
      `
import signal, time, errno
path = os.environ['WSWRAP_MOVE_REPORT']
os.unlink(path)
deaf = socket(AF_UNIX)
deaf.bind(path)
deaf.listen(0)
waiting = socket(AF_UNIX)
waiting.connect(path)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
s = socket()
s.bind(('', port))
os.dup2(1, 2)
start = time.monotonic()
try:
    s.listen()
except OSError as e:
    print(errno.errorcode[e.errno], 4 < time.monotonic() - start)
# At its end Python takes its handlers away: an alarm from then on would kill it.
signal.setitimer(signal.ITIMER_REAL, 0)
`,
    );
    assert.match(out, /^wswrap: nobody can be told.*\nEADDRNOTAVAIL True$/);
    assert.deepEqual(reports.lines, []);
  });

  // A network of its own, with IPv4 on its loopback device and no IPv6.
  const withoutIpv6 = `
import ctypes, fcntl, struct
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1
if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0: sys.exit(3)
with open('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'w') as file: file.write('1')
from socket import *
fcntl.ioctl(socket(AF_INET, SOCK_DGRAM), SIOCSIFFLAGS, struct.pack('16sH14x', b'lo', IFF_UP))
`;
  const { status } = spawnSync(python, ['-c', `import sys\n${withoutIpv6}`]);
  const skip = status === 0 ? false : 'may not make a network of its own';

  test('gets IPv4 for IPv6 on a machine without IPv6, if it takes both', { skip }, async (t) => {
    const { reports, out } = await script(
      t,
      `${withoutIpv6}
s = socket(AF_INET6)
s.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
s.bind(('::', port))
s.listen()
client = socket()
client.connect(('127.0.0.1', s.getsockname()[1]))
only = socket(AF_INET6)
only.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
try:
    only.bind(('::', port))
except OSError as e:
    print(e.strerror)
`,
    );
    const [report] = await reports.until(1);
    assert.equal(report?.host, '127.0.0.1');
    assert.equal(out, 'Cannot assign requested address');
  });
});
