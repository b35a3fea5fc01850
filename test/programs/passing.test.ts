// Programs that send connections to processes of theirs, by what their languages offer for it.
import { requires } from '../support/programs.js';
import { root } from './command.js';
import { testEcho } from './echo.js';

const python = '/usr/bin/python3';
const script = `${root}test/programs/servers/passing_echo.py`;

for (const how of ['message', 'pickle']) {
  testEcho({
    name: `Python, by ${how}`,
    words: (port) => [python, script, String(port), how],
    skip: requires(python),
  });
}
