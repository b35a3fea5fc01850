// Recordings as they are written: loadable as a script, exact to the byte, and never in the way of
// the connection.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { firstRecordingNumber, Recorder } from '../../src/proxy/recorder.js';
import { run, scratch } from '../launcher/run.js';
import { elapse, eventually, within } from '../support/deadline.js';
import { openFiles } from '../support/kernel.js';
import { logged } from '../support/log.js';
import { Random, seedOfThisRun } from '../support/random.js';
import { payloadOf, runScript } from './script.js';
import { smallDisk } from './small-disk.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

function finished(recorder: Recorder): Promise<void> {
  recorder.close();
  return within('the recording to be closed', recorder.closed);
}

/** A recording of these payloads to the client, which went well. Returns its path. */
async function recorded(t: TestContext, payloads: readonly Uint8Array[]): Promise<string> {
  const file = join(scratch(t), 'session');
  const { log, lines } = logged();
  const recorder = Recorder.open(file, 1, 'binary', log);
  for (const payload of payloads) recorder.toClient(payload);
  await finished(recorder);
  assert.deepEqual(lines, []);
  return `${file}.1`;
}

describe('a recording', () => {
  test('has a line for each frame, with its direction and time', async (t) => {
    const file = join(scratch(t), 'session');
    const recorder = Recorder.open(file, 12, 'binary', logged().log);
    recorder.toClient(Buffer.from('RFB 003.008\n'));
    await elapse(30);
    recorder.fromClient(Buffer.from("it's"));
    await finished(recorder);
    const [first, ...lines] = readFileSync(`${file}.12`, 'latin1').split('\n');
    assert.equal(first, 'var VNC_frame_data = [');
    const [greeting = '', answer = '', ...rest] = lines;
    assert.match(greeting, /^'\{\d+\{RFB 003\.008\\n',$/);
    assert.match(answer, /^'\}\d+\}it\\'s',$/);
    const time = (line: string) => Number(/\d+/.exec(line)?.[0]);
    // A timer may be early by one, and each time is rounded down.
    assert.ok(time(answer) - time(greeting) >= 28, `${greeting} ${answer}`);
    assert.deepEqual(rest, ["'EOF'];", '']);
    assert.equal(statSync(`${file}.12`).mode & 0o777, 0o600);
  });

  test('is an ASCII script that gives every byte back, in whatever company', async (t) => {
    const random = new Random(seedOfThisRun());
    const payloads = [
      everyByte,
      ...Array.from(everyByte, (byte) => Buffer.of(byte)),
      Buffer.from('</script><!-- \u2028\u2029 \\x41 \'"` \\\\'),
      Buffer.alloc(0),
      random.bytes(200_000),
      Buffer.alloc(100_000),
    ];
    const path = await recorded(t, payloads);
    assert.match(readFileSync(path, 'latin1'), /^[\n -~]*$/);
    assert.doesNotMatch(readFileSync(path, 'latin1'), /</);
    const { data, encoding } = runScript(path);
    assert.equal(encoding, undefined);
    assert.equal(data.pop(), 'EOF');
    assert.ok(data.every((frame) => /^\{\d+\{/.test(frame)));
    assert.deepEqual(data.map(payloadOf), payloads, `seed ${random.seed}`);
  });

  test('in base64 says so, and is whole groups of base64 whatever the reader looks at', async (t) => {
    const file = join(scratch(t), 'session');
    const recorder = Recorder.open(file, 1, 'base64', logged().log);
    for (const size of [0, 1, 2, 3, 256]) {
      recorder.toClient(everyByte.subarray(0, size));
      recorder.fromClient(everyByte.subarray(0, size));
    }
    await finished(recorder);
    assert.match(readFileSync(`${file}.1`, 'latin1'), /^var VNC_frame_encoding = 'base64';\nvar /);
    const { data, encoding } = runScript(`${file}.1`);
    assert.equal(encoding, 'base64');
    assert.equal(data.pop(), 'EOF');
    const decoded = data.map((frame) => Buffer.from(frame.replace(/^.\d+./, ''), 'base64').length);
    assert.deepEqual(decoded, [0, 0, 1, 1, 2, 2, 3, 3, 256, 256]);
    // noVNC decodes a client's frame together with its time, and throws unless that comes out even.
    for (const frame of data.filter((frame) => frame.startsWith('}'))) {
      assert.match(frame, /^\}(\d{4})+\}/);
    }
  });

  test('keeps what was sent when the caller uses the memory again', async (t) => {
    const payload = Buffer.from('first');
    const file = join(scratch(t), 'session');
    const recorder = Recorder.open(file, 1, 'binary', logged().log);
    recorder.toClient(payload);
    payload.write('other');
    recorder.fromClient(payload);
    payload.fill(0);
    await finished(recorder);
    const { data } = runScript(`${file}.1`);
    assert.deepEqual(data.slice(0, 2).map(payloadOf).map(String), ['first', 'other']);
  });

  test('can be read while the session goes on', async (t) => {
    const file = join(scratch(t), 'session');
    const recorder = Recorder.open(file, 1, 'binary', logged().log);
    recorder.toClient(Buffer.from('hello'));
    const written = () => existsSync(`${file}.1`) && readFileSync(`${file}.1`, 'latin1');
    await eventually('the frame is in the file', () => /hello',\n$/.test(written() || ''));
    await finished(recorder);
  });

  test('takes nothing after its end', async (t) => {
    const file = join(scratch(t), 'session');
    const { log, lines } = logged();
    const recorder = Recorder.open(file, 1, 'binary', log);
    recorder.close();
    recorder.toClient(Buffer.from('late'));
    await finished(recorder);
    assert.deepEqual(runScript(`${file}.1`).data, ['EOF']);
    assert.deepEqual(lines, []);
  });

  test('has its own file beside those of other connections, and leaves no descriptor', async (t) => {
    const file = join(scratch(t), 'session');
    const { log, lines } = logged();
    const recorders = Array.from({ length: 20 }, (_, i) =>
      Recorder.open(file, i + 1, 'binary', log),
    );
    for (let round = 0; round < 50; round += 1) {
      for (const [i, recorder] of recorders.entries()) {
        recorder.toClient(Buffer.from(`${i}:${round}`));
        if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await Promise.all(recorders.map(finished));
    for (const i of recorders.keys()) {
      const { data } = runScript(`${file}.${i + 1}`);
      const expected = Array.from({ length: 50 }, (_, round) => `${i}:${round}`);
      assert.deepEqual(data.slice(0, -1).map(payloadOf).map(String), expected);
    }
    assert.deepEqual(lines, []);
    assert.deepEqual(openFiles(file), []);
  });
});

describe('a recording that cannot be', () => {
  test('leaves alone what has its name, be it a link', async (t) => {
    const folder = scratch(t);
    const file = join(folder, 'session');
    writeFileSync(join(folder, 'target'), 'precious');
    writeFileSync(`${file}.1`, 'precious');
    symlinkSync('target', `${file}.2`);
    symlinkSync('nowhere', `${file}.3`);
    for (const number of [1, 2, 3]) {
      const { log, lines } = logged();
      const recorder = Recorder.open(file, number, 'binary', log);
      recorder.toClient(everyByte);
      await within('the recorder to give up', recorder.closed);
      recorder.toClient(everyByte);
      await finished(recorder);
      const why = 'there will be no recording: EEXIST; move that file away, or';
      assert.deepEqual(
        lines.map(({ level, msg }) => [level, msg.startsWith(`${file}.${number}: ${why}`)]),
        [[50, true]],
      );
    }
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'precious');
    assert.equal(readFileSync(join(folder, 'target'), 'utf8'), 'precious');
    assert.deepEqual(readdirSync(folder).sort(), ['session.1', 'session.2', 'session.3', 'target']);
  });

  test('is said once when its folder is gone', async (t) => {
    const file = join(scratch(t), 'removed', 'session');
    const { log, lines } = logged();
    const recorder = Recorder.open(file, 1, 'binary', log);
    for (let i = 0; i < 100; i += 1) recorder.fromClient(everyByte);
    await finished(recorder);
    assert.equal(lines.length, 1);
    assert.match(lines[0]?.msg ?? '', /removed\/session\.1: there will be no recording: ENOENT; /);
  });

  test('bothers nobody when its folder is removed in the meantime', async (t) => {
    const folder = join(scratch(t), 'folder');
    mkdirSync(folder);
    const { log, lines } = logged();
    const recorder = Recorder.open(join(folder, 'session'), 1, 'binary', log);
    await eventually('the file is there', () => existsSync(join(folder, 'session.1')));
    rmSync(folder, { recursive: true });
    recorder.toClient(everyByte);
    await finished(recorder);
    assert.deepEqual(lines, []);
  });

  test('ends where the disk is full, and plays up to there', async (t) => {
    const folder = smallDisk(t);
    if (folder === undefined) return t.skip('needs leave to mount a small disk');
    const { log, lines } = logged();
    const recorder = Recorder.open(join(folder, 'session'), 1, 'binary', log);
    const sent: Buffer[] = [];
    for (let i = 0; lines.length === 0; i += 1) {
      const payload = Buffer.from(`frame ${i} `.repeat(i));
      sent.push(payload);
      recorder.toClient(payload);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await finished(recorder);
    assert.match(
      lines.map(({ msg }) => msg).join('\n'),
      /^\S+: the recording ends here: ENOSPC; make room.*$/,
    );
    assertCutOff(join(folder, 'session.1'), sent, 50_000);
    assert.deepEqual(openFiles(folder), []);
  });

  test('ends at the limit on the size of files, and plays up to there', async (t) => {
    const file = join(scratch(t), 'session');
    const script = fileURLToPath(new URL('./record-numbers.js', import.meta.url));
    // In blocks of 512 bytes.
    const limited = ['-c', 'ulimit -f 100 && exec "$0" "$@"', process.execPath, script, file];
    const { status, stdout } = await run('/bin/sh', limited);
    assert.equal(status, 0);
    assert.match(stdout, /the recording ends here: EFBIG/);
    const sent = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`number ${i}`));
    assertCutOff(`${file}.1`, sent, 40_000);
  });

  test('ends when the disk is slower than the connection, and plays up to there', async (t) => {
    const file = join(scratch(t), 'session');
    const { log, lines } = logged();
    const recorder = Recorder.open(file, 1, 'binary', log);
    const payload = Buffer.alloc(64 * 1024, 'x');
    const sent: Buffer[] = [];
    // Nothing is written before this turn of the event loop is over: no disk is as slow.
    for (; sent.length < 1000; sent.push(payload)) recorder.toClient(payload);
    await within('the recording to be closed', recorder.closed);
    assert.match(lines.map(({ msg }) => msg).join('\n'), /^\S+: the recording ends here: .*slower/);
    assert.ok(statSync(`${file}.1`).size <= 16 * 1024 * 1024 + 8);
    assertCutOff(`${file}.1`, sent, 15_000_000);
  });
});

describe('the number of the first recording', () => {
  test('is behind those that are there', (t) => {
    const folder = scratch(t);
    const file = join(folder, 'session');
    assert.equal(firstRecordingNumber(file), 0);
    for (const name of ['session.2', 'session.10', 'session.9']) {
      writeFileSync(join(folder, name), '');
    }
    const others = ['session', 'session.x', 'session.11.gz', 'session.011', 'other.12'];
    for (const name of [...others, `session.${'9'.repeat(30)}`]) {
      writeFileSync(join(folder, name), '');
    }
    assert.equal(firstRecordingNumber(file), 10);
  });

  test('tells beforehand where no recording can be written', (t) => {
    const file = join(scratch(t), 'nowhere', 'session');
    assert.throws(() => firstRecordingNumber(file), {
      code: 'RECORDING_FOLDER_UNUSABLE',
      message: /nowhere: recordings cannot be written there \(ENOENT\)/,
      hint: /create the folder/,
    });
  });
});

/** The recording has the first of what was sent, nothing else, and about as much as fits. */
function assertCutOff(file: string, sent: readonly Buffer[], size: number): void {
  const { data } = runScript(file);
  assert.equal(data.pop(), 'EOF');
  assert.ok(data.length < sent.length, `all of ${sent.length} frames were recorded`);
  assert.ok(statSync(file).size > size, `${statSync(file).size} bytes of ${size}`);
  for (const [i, frame] of data.entries()) {
    assert.ok(payloadOf(frame).equals(sent[i] ?? Buffer.of()), `frame ${i}`);
  }
}
