// The log as programs read it: the names of its fields are a promise.
import { strict as assert } from 'node:assert';
import { describe, test } from 'node:test';

import { parseRecord } from '../../src/log/record.js';
import { logInFile } from './log.js';

describe('a line of JSON', () => {
  test('has the promised fields', (t) => {
    const { log, lines } = logInFile(t, 'json');
    const connection = log.child({ connection: 7, peer: '[::1]:44760' });
    const err = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', port: 1 });
    connection.warn({ err }, 'no target');
    const [line = ''] = lines();
    const { time, ...rest } = parseRecord(line);
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, {
      level: 'warn',
      pid: process.pid,
      connection: 7,
      peer: '[::1]:44760',
      err: { type: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
      msg: 'no target',
    });
  });

  test('keeps the value of every character and shows none that does harm', (t) => {
    const { log, lines } = logInFile(t, 'json');
    const hostile = 'a\n\x1b[2J\x9b1A\u2028\u202e\u{e0001}"\\ü🌍';
    log.info(hostile);
    const [line = '', ...others] = lines();
    assert.deepEqual(others, []);
    assert.equal(parseRecord(line).msg, hostile);
    assert.match(line, /^[\x20-\x7eü🌍]*$/u);
  });
});

describe('the level', () => {
  const names = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
  for (const [level, least] of [
    ['quiet', 'warn'],
    ['info', 'info'],
    ['debug', 'debug'],
    ['trace', 'trace'],
  ] as const) {
    test(`${level} writes ${least} and all that is more important`, (t) => {
      const { log, lines } = logInFile(t, 'json', level);
      for (const name of names) log[name]('x');
      const written = lines().map((line) => parseRecord(line).level);
      assert.deepEqual(written, names.slice(names.indexOf(least)));
    });
  }
});
