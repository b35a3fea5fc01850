// Installs the Debian packages whose programs the tests start; a step of `npm test`.
import { install } from './install.js';
import { wanted } from './programs.js';

await install(wanted, 'tests');
