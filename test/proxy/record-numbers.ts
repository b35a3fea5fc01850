// A process that records until it is told that the recording has ended. Usage:
// node record-numbers.js FILE
import { setImmediate as turn } from 'node:timers/promises';

import { Recorder } from '../../src/proxy/recorder.js';
import { logged } from '../support/log.js';

const [file = ''] = process.argv.slice(2);
const { log, lines } = logged();
const recorder = Recorder.open(file, 1, 'binary', log);
for (let i = 0; i < 20_000 && lines.length === 0; i += 1) {
  recorder.toClient(Buffer.from(`number ${i}`));
  if (i % 10 === 0) await turn();
}
recorder.close();
await recorder.closed;
for (const { msg } of lines) console.log(msg);
