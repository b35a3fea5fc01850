// Node: libuv reads and writes through epoll, and with io_uring may hand its epoll_ctl calls to it.
import { fileURLToPath } from 'node:url';
import { testEcho } from './echo.js';

const server = fileURLToPath(new URL('servers/node_echo.js', import.meta.url));

for (const setting of ['0', '1']) {
  testEcho({
    name: `Node's net with UV_USE_IO_URING=${setting}`,
    words: (port) => [process.execPath, server, String(port)],
    env: { UV_USE_IO_URING: setting },
    skip: false,
  });
}
