// Instructions that the codec takes for a message, counted by callgrind. They depend on the compiler
// but on nothing else, so a commit that makes the codec slower shows here, however busy the machine.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { packageRoot } from '../../src/paths.js';
import { compile } from '../support/compile.js';
import { find, requires } from './programs.js';
import type { Figure } from './report/report.js';
import type { Settings } from './settings.js';
import { spread } from './statistics.js';

const execFileAsync = promisify(execFile);

// Those of binding.gyp and node-gyp for the shim.
const flags = ['-O3', '-fPIC', '-fno-omit-frame-pointer', '-fvisibility=hidden', '-fno-rtti'];
// No first call of a function is to look for it.
const driverFlags = [...flags, '-fno-exceptions', '-Wl,-z,now'];

/** Payload of each count: headers fall on either side of many a read's end. */
const bytes = 4 * 1024 * 1024;
const sizes = { 64: '64 B', 1024: '1 KiB', 65536: '64 KiB' };
const handshakes = 100;

/** Instructions of each message and handshake; skipped where there is no valgrind. */
export async function instructions({ progress, skip }: Settings): Promise<Figure[]> {
  const valgrind = find('valgrind');
  if (valgrind === undefined) {
    skip(`instructions of the codec: ${requires('valgrind')}`);
    return [];
  }
  progress('instructions of the codec');
  const codec = readdirSync(join(packageRoot, 'native/codec')).filter((file) =>
    file.endsWith('.cc'),
  );
  const program = compile({
    name: 'instructions',
    sources: ['test/bench/instructions.cc', ...codec.sort().map((file) => `native/codec/${file}`)],
    flags: driverFlags,
  });
  const count = (...words: string[]) => counted(valgrind, program, words);

  const figures: Figure[] = [];
  for (const direction of ['decode', 'encode']) {
    for (const [size, name] of Object.entries(sizes)) {
      const messages = bytes / Number(size);
      const total = await count(direction, size, String(messages));
      const title = `${direction} messages of ${name}`;
      figures.push(figure(`${direction}/${size}`, title, 'message', total / messages));
    }
  }
  const total = await count('handshake', String(handshakes));
  figures.push(figure('handshake', 'answer a handshake', 'handshake', total / handshakes));
  return figures;
}

function figure(id: string, title: string, per: string, value: number): Figure {
  return {
    id: `instructions/${id}`,
    group: 'Instructions of the codec',
    title,
    unit: `instructions per ${per}`,
    better: 'less',
    rows: [{ contender: 'wswrap', value: spread([value]) }],
  };
}

async function counted(valgrind: string, program: string, words: string[]): Promise<number> {
  const options = ['--tool=callgrind', '--collect-atstart=no', '--callgrind-out-file=/dev/null'];
  const { stderr } = await execFileAsync(valgrind, [...options, program, ...words]);
  const total = Number(/Collected : (\d+)/.exec(stderr)?.[1]);
  if (!(total > 0)) throw new Error(`callgrind counted nothing: ${stderr}`);
  return total;
}
