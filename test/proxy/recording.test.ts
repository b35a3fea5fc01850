// Recordings as they are read: ours, those of websockify through the ages, and what is none.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { LaunchError } from '../../src/errors.js';
import { Recorder, type RecordingEncoding } from '../../src/proxy/recorder.js';
import { openRecording, type RecordedFrame } from '../../src/proxy/recording.js';
import { scratch } from '../launcher/run.js';
import { eventually, within } from '../support/deadline.js';
import { openFiles } from '../support/kernel.js';
import { logged } from '../support/log.js';
import { requires } from '../support/programs.js';
import { Random, seedOfThisRun } from '../support/random.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

async function framesIn(file: string): Promise<RecordedFrame[]> {
  const frames: RecordedFrame[] = [];
  for await (const frame of (await openRecording(file)).frames) frames.push(frame);
  return frames;
}

function fileOf(t: TestContext, content: string | Buffer): string {
  const file = join(scratch(t), 'session.1');
  writeFileSync(file, content);
  return file;
}

/** Frames as text: `{12 hello`. */
async function summary(file: string): Promise<string[]> {
  const frames = await framesIn(file);
  return frames.map(
    ({ toClient, time, payload }) => `${toClient ? '{' : '}'}${time} ${payload.toString('latin1')}`,
  );
}

describe('a recording', () => {
  for (const encoding of ['binary', 'base64'] satisfies RecordingEncoding[]) {
    test(`in ${encoding} is read as it was written`, async (t) => {
      const random = new Random(seedOfThisRun());
      const folder = scratch(t);
      const recorder = Recorder.open(join(folder, 'session'), 1, encoding, logged().log);
      const sizes = Array.from({ length: 200 }, () => random.between(0, 300));
      const payloads = [
        everyByte,
        ...[...sizes, 65_536, 400_000].map((size) => random.bytes(size)),
      ];
      for (const [i, payload] of payloads.entries()) {
        if (i % 3 === 0) recorder.fromClient(payload);
        else recorder.toClient(payload);
      }
      recorder.close();
      await recorder.closed;

      const recording = await openRecording(join(folder, 'session.1'));
      assert.equal(recording.encoding, encoding);
      // Whoever comes later gets it from its start, too.
      for (let round = 0; round < 2; round += 1) {
        let i = 0;
        for await (const { toClient, payload } of recording.frames) {
          assert.equal(toClient, i % 3 !== 0);
          assert.ok(payload.equals(payloads[i] ?? Buffer.of()), `frame ${i}, seed ${random.seed}`);
          i += 1;
        }
        assert.equal(i, payloads.length);
      }
    });
  }

  test('that was cut off anywhere has the frames before that', async (t) => {
    const whole = "var VNC_frame_data = [\n'{0{\\x00ab\\'c',\n'}15}d',\n\"{20{e\",\n'EOF'];\n";
    const file = fileOf(t, whole);
    const frames = await summary(file);
    assert.deepEqual(frames, ["{0 \0ab'c", '}15 d', '{20 e']);
    const header = whole.indexOf('[') + 1;
    for (let size = whole.length; size >= 0; size -= 1) {
      truncateSync(file, size);
      if (size < header) {
        await assert.rejects(summary(file), { code: 'NOT_A_RECORDING' });
      } else {
        const found = await summary(file);
        assert.deepEqual(found, frames.slice(0, found.length), `${size} bytes`);
        // At most the frame that the cut goes through is missing.
        const lines = readFileSync(file, 'latin1').split('\n').length - 2;
        assert.ok(found.length >= Math.min(lines, frames.length), `${size} bytes`);
      }
    }
  });

  test('is read no further than somebody asks for, and closed then', async (t) => {
    const file = fileOf(t, "var VNC_frame_data = [\n'{0{first',\n");
    // Not one byte of this is on the disk.
    truncateSync(file, 2 ** 40);
    const { frames } = await within('the head of the recording', openRecording(file));
    for await (const { payload } of frames) {
      assert.equal(String(payload), 'first');
      break;
    }
    await eventually('the file is closed', () => openFiles(file).length === 0);
  });
});

describe('old recordings', () => {
  test('may name the encoding, or leave it to be guessed', async (t) => {
    const named =
      "var VNC_frame_encoding = 'binary';\nvar VNC_frame_data = [\n'{1{UkZC',\n'EOF'];\n";
    assert.deepEqual(await summary(fileOf(t, named)), ['{1 UkZC']);
    const guessed = "var VNC_frame_data = [\n'}0}YQ==',\n'{1{UkZC',\n'EOF'];\n";
    assert.equal((await openRecording(fileOf(t, guessed))).encoding, 'base64');
    assert.deepEqual(await summary(fileOf(t, guessed)), ['}0 a', '{1 RFB']);
    const titled = `var VNC_frame_title = 'It';\nvar VNC_frame_author = "x";\n${guessed}`;
    assert.deepEqual(await summary(fileOf(t, titled)), ['}0 a', '{1 RFB']);
    const empty = await openRecording(fileOf(t, "var VNC_frame_data = [\n'EOF'];\n"));
    assert.equal(empty.encoding, 'binary');
  });

  test('may be quoted, escaped and spaced in all the ways that a script may be', async (t) => {
    const lines = [
      "'{1{\\x41\\u0042\\b\\f\\n\\r\\t\\v\\0\\\\\\'\\\"\\/'",
      '"}2}it\'s"',
      "  '{3{UTF-8: \u00e9\u00ff\u0080' , ",
      '',
      "'{-4{the clock went back',",
      "'{5{]; \\x5d',",
      '];',
    ];
    const text = `var VNC_frame_data = [\r\n${lines.join('\r\n')}\r\n`;
    assert.deepEqual(await summary(fileOf(t, text)), [
      '{1 AB\b\f\n\r\t\v\0\\\'"/',
      "}2 it's",
      '{3 UTF-8: \u00e9\u00ff\u0080',
      '{-4 the clock went back',
      '{5 ]; ]',
    ]);
  });

  for (const [name, expression] of [
    [
      'as websockify writes them',
      `"'" + s.encode('unicode_escape').decode('ascii').replace("'", "\\\\'") + "'"`,
    ],
    ['as Python writes a string', 'repr(s)'],
    ['as Python writes a string in ASCII', 'ascii(s)'],
  ] as const) {
    test(`may be strings ${name}`, { skip: requires('/usr/bin/python3') }, async (t) => {
      const program = `
import sys
data = bytes(range(256))
print('var VNC_frame_data = [')
for payload in [data, b"it's", b'"', b"'\\"", b'\\\\x41\\\\'] + [bytes([byte]) for byte in data]:
    s = '{7{' + payload.decode('latin1')
    print(${expression} + ',')
print("'EOF'];")`;
      const env = { PYTHONIOENCODING: 'utf-8' };
      const file = fileOf(t, execFileSync('/usr/bin/python3', ['-c', program], { env }));
      const frames = await framesIn(file);
      assert.deepEqual(
        frames.map(({ payload }) => payload),
        [
          everyByte,
          ...["it's", '"', '\'"', '\\x41\\'].map((text) => Buffer.from(text)),
          ...Array.from(everyByte, (byte) => Buffer.of(byte)),
        ],
      );
    });
  }
});

describe('no recording', () => {
  const start = 'var VNC_frame_data = [\n';
  const cases: [what: string, content: string, line: number][] = [
    ['an empty file', '', 1],
    ['a shell script', '#!/bin/sh\nexit\n', 1],
    ['frames without a head', "'{0{a',\n'EOF'];\n", 1],
    ['a head in the middle', `${start}'{0{a',\n${start}'EOF'];\n`, 3],
    ['another encoding', `var VNC_frame_encoding = 'hex';\n${start}'EOF'];\n`, 1],
    ['an encoding too late', `${start}var VNC_frame_encoding = 'binary';\n'EOF'];\n`, 2],
    ['a string that is no frame', `${start}'{0{a',\n'hello',\n'EOF'];\n`, 3],
    ['two braces that differ', `${start}'{0}a',\n'EOF'];\n`, 2],
    ['a string that does not end', `${start}'{0{a\n'EOF'];\n`, 2],
    ['a quote in a string', `${start}'{0{it's',\n'EOF'];\n`, 2],
    ['an escape that does not end', `${start}'{0{\\x4',\n'EOF'];\n`, 2],
    ['an escape that nobody knows', `${start}'{0{\\q',\n'EOF'];\n`, 2],
    ['a character that is no byte', `${start}'{0{\\u0100',\n'EOF'];\n`, 2],
    ['a character of three bytes', `${start}'{0{\u20ac',\n'EOF'];\n`, 2],
    ['a program', `${start}'{0{a' + alert(1),\n'EOF'];\n`, 2],
    ['base64 that is none', `var VNC_frame_encoding = 'base64';\n${start}'{0{a*==',\n`, 3],
  ];
  for (const [what, content, line] of cases) {
    test(`is ${what}`, async (t) => {
      const file = fileOf(t, content);
      await assert.rejects(framesIn(file), (error) => {
        assert.ok(error instanceof LaunchError, String(error));
        assert.equal(error.code, 'NOT_A_RECORDING');
        assert.equal(error.message, `${file}: line ${line} is of no recording`);
        assert.match(error.hint ?? '', /--record/);
        return true;
      });
    });
  }

  test('is a file whose lines have no end', async (t) => {
    const file = fileOf(t, start);
    truncateSync(file, 2 ** 40);
    await assert.rejects(framesIn(file), {
      code: 'NOT_A_RECORDING',
      message: `${file}: line 2 is longer than 64 MiB`,
    });
  });

  test('is what cannot be read', async (t) => {
    const folder = scratch(t);
    await assert.rejects(openRecording(join(folder, 'session')), {
      code: 'RECORDING_UNREADABLE',
      message: /session: cannot be read \(ENOENT\)/,
      hint: /ends in a number/,
    });
    await assert.rejects(openRecording(folder), { message: `${folder}: not a regular file` });
    await assert.rejects(openRecording('/dev/zero'), { message: /not a regular file/ });
  });
});
