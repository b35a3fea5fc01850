// The log as people read it.
import { strict as assert } from 'node:assert';
import { describe, test } from 'node:test';

import { run } from '../launcher/run.js';
import { logInFile } from './log.js';

const start = String.raw`\d\d:\d\d:\d\d\.\d{3} wsproxy\[${process.pid}\]`;

describe('a line of text', () => {
  test('begins with time and process, then connection and peer', (t) => {
    const { log, lines } = logInFile(t);
    log.info('listening');
    log.child({ connection: 7, peer: '127.0.0.1:44760' }).info('connected');
    const [first = '', second = ''] = lines();
    assert.match(first, new RegExp(`^${start} listening$`));
    assert.match(second, new RegExp(`^${start} #7 127\\.0\\.0\\.1:44760 connected$`));
  });

  test('has the time of UTC', (t) => {
    const { log, lines } = logInFile(t);
    const before = new Date().toISOString().slice(11, 23);
    log.info('now');
    const after = new Date().toISOString().slice(11, 23);
    const time = lines()[0]?.slice(0, 12) ?? '';
    assert.ok((before <= time && time <= after) || after < before, time);
  });

  test('marks what is important', (t) => {
    const { log, lines } = logInFile(t);
    log.warn('odd');
    log.error('broken');
    log.fatal('over');
    const marked = ['warning: odd', 'error: broken', 'error: over'];
    assert.deepEqual(
      lines().map((line) => line.replace(/^.*?\] /, '')),
      marked,
    );
  });

  test('cannot be forged by a client', (t) => {
    const { log, lines } = logInFile(t);
    const hostile = 'x\n12:00:00.000 wsproxy[1] all is well\r\x1b[2J\x9b1A\u2028\u202e\0\x7f';
    log.child({ connection: 1, peer: hostile }).warn(hostile);
    const escaped = String.raw`x\n12:00:00.000 wsproxy[1] all is well\r\x1b[2J\x9b1A\u{2028}\u{202e}\x00\x7f`;
    assert.equal(lines().length, 1);
    assert.ok(lines()[0]?.endsWith(` #1 ${escaped} warning: ${escaped}`), lines()[0]);
  });

  test('leaves the letters of all languages alone', (t) => {
    const { log, lines } = logInFile(t);
    log.info('grüß dich, 世界 🌍');
    assert.match(lines()[0] ?? '', /grüß dich, 世界 🌍$/);
  });
});

describe('an error', () => {
  const err = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

  test('adds its message', (t) => {
    const { log, lines } = logInFile(t);
    log.error({ err }, 'no target');
    assert.match(lines()[0] ?? '', /error: no target: connect ECONNREFUSED$/);
  });

  test('alone is said once', (t) => {
    const { log, lines } = logInFile(t);
    log.error(err);
    assert.match(lines()[0] ?? '', /\] error: connect ECONNREFUSED$/);
  });

  test('shows where it came from at debug only', (t) => {
    for (const level of ['quiet', 'info'] as const) {
      const { log, lines } = logInFile(t, 'text', level);
      log.error({ err }, 'no target');
      assert.equal(lines().length, 1);
    }
    for (const level of ['debug', 'trace'] as const) {
      const { log, lines } = logInFile(t, 'text', level);
      log.error({ err }, 'no target');
      const [, ...calls] = lines();
      assert.ok(calls.length > 0);
      for (const call of calls) assert.match(call, /^ {4}at /);
    }
  });

  test('with a line break in its message cannot pass for two lines', (t) => {
    const { log, lines } = logInFile(t, 'text', 'debug');
    log.error(new Error('a\n12:00:00.000 wsproxy[1] b'));
    assert.equal(lines().filter((line) => /^\d\d:/.test(line)).length, 1);
  });
});

describe('colour', () => {
  const program = `
    import { createLogger } from '${new URL('../../src/log/logger.js', import.meta.url)}';
    import { openSink } from '${new URL('../../src/log/sink.js', import.meta.url)}';
    createLogger('info', openSink({ format: 'text' })).warn('odd');`;
  const command = `'${process.execPath}' --input-type=module -e "$PROGRAM"`;

  const onTerminal = async (env: NodeJS.ProcessEnv) => {
    const { NO_COLOR: _, ...inherited } = process.env;
    return run('script', ['-qec', command, '/dev/null'], {
      env: { ...inherited, TERM: 'xterm', PROGRAM: program, ...env },
    });
  };

  test('is for terminals', async () => {
    const { stdout } = await onTerminal({});
    assert.ok(stdout.includes('] \x1b[33mwarning:\x1b[0m odd\r\n'), stdout);
    const plain = await run('sh', ['-c', command], { env: { ...process.env, PROGRAM: program } });
    assert.match(plain.stderr, /wsproxy\[\d+\] warning: odd\n/);
  });

  test('is not for those who say NO_COLOR', async () => {
    const { stdout } = await onTerminal({ NO_COLOR: '1' });
    assert.match(stdout, /wsproxy\[\d+\] warning: odd\r\n/);
  });
});
