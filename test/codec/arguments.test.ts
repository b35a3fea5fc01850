// Whatever JavaScript passes in, the addon throws rather than crashes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadCodec } from '../../src/codec.js';

/** A function as code without types would call it. */
type Loose = (...args: unknown[]) => unknown;

const codec = loadCodec();
const Receiver = codec.Receiver as unknown as new (...args: unknown[]) => Record<string, Loose>;
const Sender = codec.Sender as unknown as new (...args: unknown[]) => Record<string, Loose>;

const functions: Record<string, Loose> = {
  negotiate: codec.negotiate as Loose,
  frameHeader: codec.frameHeader as Loose,
  closeFrame: codec.closeFrame as Loose,
  pingFrame: codec.pingFrame as Loose,
  pongFrame: codec.pongFrame as Loose,
  Receiver: (...args) => new Receiver(...args),
  Sender: (...args) => new Sender(...args),
  encode: (...args) => new Sender('rfc6455', 'binary', true)['encode']?.(...args),
  decode: (...args) => new Receiver('rfc6455', 'binary')['decode']?.(...args),
};

function isRefusal(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

const nearlyRight = fc.oneof(
  fc.anything(),
  fc.uint8Array(),
  fc.uint16Array(),
  fc.constantFrom('rfc6455', 'hixie', 'binary', 'base64', {}, { path: '/' }, { path: 1 }),
  fc.constantFrom(0, 1, -1, 1000, 4999, 65536, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY),
);

for (const [name, call] of Object.entries(functions)) {
  test(`${name} takes what it can use and throws for anything else`, () => {
    fc.assert(
      fc.property(fc.array(nearlyRight, { maxLength: 4 }), (args) => {
        try {
          call(...args);
        } catch (error) {
          assert.ok(isRefusal(error), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('each wrong argument is refused', () => {
  const wrong: [string, unknown[]][] = [
    ['negotiate', []],
    ['negotiate', ['GET /', {}]],
    ['negotiate', [new Uint16Array(4), {}]],
    ['negotiate', [new ArrayBuffer(4), {}]],
    ['negotiate', [new Uint8Array(4)]],
    ['negotiate', [new Uint8Array(4), null]],
    ['negotiate', [new Uint8Array(4), { path: 5 }]],
    ['negotiate', [new Uint8Array(4), { loopback: 'yes' }]],
    ['frameHeader', [2, true, 5]],
    ['frameHeader', [new Uint8Array(9), 2, true, 5]],
    ['frameHeader', [new Uint8Array(10), '2', true, 5]],
    ['frameHeader', [new Uint8Array(10), 16, true, 5]],
    ['frameHeader', [new Uint8Array(10), 2, true, -1]],
    ['frameHeader', [new Uint8Array(10), 2, true, Number.NaN]],
    ['frameHeader', [new Uint8Array(10), 2, true, 2 ** 60]],
    ['closeFrame', ['rfc6456', 1000, '']],
    ['closeFrame', ['rfc6455', 70000, '']],
    ['closeFrame', ['rfc6455', 1000, 'x'.repeat(124)]],
    ['pongFrame', [new Uint8Array(126)]],
    ['pongFrame', ['payload']],
    ['Receiver', ['rfc6455']],
    ['Receiver', ['rfc6455', 'utf8']],
    ['Sender', ['rfc6455', 'binary']],
    ['Sender', ['rfc6455', 'binary', 1]],
    ['encode', ['text']],
    ['decode', []],
    ['decode', [new Uint8Array(4), 'out']],
  ];
  for (const [name, args] of wrong) {
    assert.throws(() => functions[name]?.(...args), isRefusal, `${name} ${args.length}`);
  }
});

test('an error of a getter is passed on', () => {
  const policy = {
    get path(): string {
      throw new Error('mine');
    },
  };
  assert.throws(() => codec.negotiate(Buffer.from('GET'), policy), /mine/);
});

test('output inside of the input is refused, before it or apart it is not', () => {
  const memory = Buffer.alloc(100);
  const receiver = new codec.Receiver('rfc6455', 'binary');
  assert.throws(() => receiver.decode(memory.subarray(0, 50), memory.subarray(1)), RangeError);
  assert.equal(receiver.decode(Buffer.from('8281000000', 'hex'), memory), 0);
  Buffer.from('0041', 'hex').copy(memory, 10);
  assert.equal(receiver.decode(memory.subarray(10, 12), memory), 1);
  assert.equal(memory[0], 0x41);
});

test('a method on a foreign object is refused', () => {
  const receiver = new codec.Receiver('rfc6455', 'binary');
  assert.throws(() => Reflect.apply(receiver.decode, {}, [Buffer.alloc(1)]), isRefusal);
  assert.throws(() => Reflect.apply(receiver.takePing, undefined, []), isRefusal);
  assert.throws(() => Reflect.apply(codec.Receiver, undefined, ['rfc6455', 'binary']), isRefusal);
});

test('detached memory holds nothing', () => {
  const input = new Uint8Array(100);
  structuredClone(input.buffer, { transfer: [input.buffer] });
  assert.equal(new codec.Receiver('rfc6455', 'binary').decode(input), 0);
  assert.deepEqual(codec.negotiate(input, {}), { outcome: 'partial' });
});
