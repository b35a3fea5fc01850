// Request targets that have led, on one server or another, to files outside of what it serves.
//
// The folder that is attacked has a neighbour: ../secret.txt and ../private/secret.txt lie beside it.

// The ways to write `..`, `/` and `\` that some decoder took for them.
const dots = [
  '..',
  '%2e%2e',
  '%2E%2E',
  '.%2e',
  '%2e.',
  '%252e%252e',
  '%25252e%25252e',
  '..;',
  '..%00',
  '..%20',
  '..%09',
  '..%0a',
  '..%0d',
  '..%3f',
  '..%23',
  '...',
  '....',
  '%c0%ae%c0%ae', // overlong UTF-8 of two, three and four bytes
  '%e0%80%ae%e0%80%ae',
  '%f0%80%80%ae%f0%80%80%ae',
  '%c0%2e%c0%2e',
  '\xc0\xae\xc0\xae',
  '%uff0e%uff0e',
  '%ef%bc%8e%ef%bc%8e', // full width dots
  '%u002e%u002e',
  '0x2e0x2e',
];

const slashes = [
  '/',
  '%2f',
  '%2F',
  '\\',
  '%5c',
  '%5C',
  '%252f',
  '%255c',
  '%c0%af',
  '%e0%80%af',
  '%c1%9c',
  '%ef%bc%8f',
  '%u2215',
  '//',
  '/./',
  '\\/',
  '%2f%2f',
];

const byDots = dots.map((up) => `/${up}/secret.txt`);
const bySlashes = slashes.map((slash) => `/..${slash}secret.txt`);
const deep = [...dots.slice(0, 6), '%c0%ae%c0%ae'].flatMap((up) => [
  `/sub/${up}/${up}/secret.txt`,
  `${`/${up}`.repeat(12)}/etc/passwd`,
]);

/** None of them names a file below the folder. */
export const attackPaths: readonly string[] = [
  ...byDots,
  ...bySlashes,
  ...deep,
  // From a file or a missing folder.
  '/index.html/../../secret.txt',
  '/missing/../../secret.txt',
  '/sub/../../secret.txt?x=1',
  '/sub/..%2f..%2fsecret.txt',
  '/sub/..%5c..%5csecret.txt',
  '/sub%2f..%2f..%2fsecret.txt',
  '/..',
  '/../',
  '/..//',
  '/%2e%2e',
  '/%2e%2e%2f',
  '/../private/',
  // A neighbour whose name begins like the folder's.
  '/../pages-secret/secret.txt',
  '/%2e%2e/pages-secret/secret.txt',
  '/..%2fpages-secret%2fsecret.txt',
  // Absolute paths.
  '//etc/passwd',
  '///etc/passwd',
  '/%2fetc/passwd',
  '/%2fetc%2fpasswd',
  '/%2Fetc%2Fpasswd',
  '/./etc/passwd',
  '/\\etc\\passwd',
  '/C:/etc/passwd',
  '/file:///etc/passwd',
  '/file:%2f%2f%2fetc%2fpasswd',
  '/proc/self/environ',
  '/%2fproc%2fself%2fenviron',
  // Absolute form: the host is no part of the path, and a path is no host.
  'http://localhost/../secret.txt',
  'http://localhost/%2e%2e/secret.txt',
  'http://localhost//etc/passwd',
  'http://localhost/..%2fsecret.txt',
  'file:///etc/passwd',
  'file://localhost/etc/passwd',
  'http://../secret.txt',
  // NUL ends a string in C.
  '/%00',
  '/index.html%00',
  '/..%2fsecret.txt%00.html',
  '/%00/../secret.txt',
  '/secret.txt%00.html',
  // Escapes that are none.
  '/%',
  '/%2',
  '/%zz',
  '/..%2/secret.txt',
  '/%2e%2e%/secret.txt',
  '/%ff%fe',
  // Dot files.
  '/.hidden',
  '/%2ehidden',
  '/.git/config',
  '/sub/.hidden',
  '/.',
  '/./',
  '/./index.html',
  '/~/secret.txt',
  '/~root/.profile',
];
