// Perl: IO::Socket with a process for each connection, with and without perl's own buffers.
import { requires } from '../support/programs.js';
import { root } from './command.js';
import { testEcho } from './echo.js';

for (const way of ['bytes', 'lines']) {
  testEcho({
    name: `Perl's IO::Socket, by ${way}`,
    words: (port) => ['perl', `${root}test/programs/servers/fork_echo.pl`, String(port), way],
    skip: requires('perl'),
  });
}
