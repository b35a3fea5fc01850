// Python 3: asyncio, also on libuv, selectors and socketserver.
import { requires } from '../support/programs.js';
import { root } from './command.js';
import { testEcho } from './echo.js';

const python = '/usr/bin/python3';

const servers = [
  { name: "Python's asyncio streams", file: 'asyncio_echo.py', words: [] },
  { name: "Python's selectors, epoll", file: 'selectors_echo.py', words: ['epoll'] },
  { name: "Python's selectors, poll", file: 'selectors_echo.py', words: ['poll'] },
  { name: "Python's selectors, select", file: 'selectors_echo.py', words: ['select'] },
  { name: "Python's ThreadingTCPServer", file: 'socketserver_echo.py', words: ['thread'] },
  { name: "Python's ForkingTCPServer", file: 'socketserver_echo.py', words: ['process'] },
];

testEcho({
  name: "Python's asyncio on uvloop",
  words: (port) => [python, `${root}test/programs/servers/asyncio_echo.py`, String(port), 'uvloop'],
  skip: requires(python, 'uvloop/__init__.py'),
});

for (const { name, file, words } of servers) {
  testEcho({
    name,
    words: (port) => [python, `${root}test/programs/servers/${file}`, String(port), ...words],
    skip: requires(python),
  });
}
