// The page that shows what is in a folder.
import type { Place } from './place.js';
import { encodeName } from './request-path.js';

interface Entry {
  name: string;
  isFolder: boolean;
  /** Bytes. */
  size: number;
}

// So many are looked at together: the kernel answers at once, but each takes a descriptor.
const batch = 32;

/**
 * The HTML page for `folder`, which lies under `names` in `root`. It shows what the folder's pages
 * would serve: no dot files, and no links that lead out of `root`. Rejects with the Error of
 * readdir(3).
 */
export async function listingPage(
  root: Place,
  folder: Place,
  names: readonly string[],
): Promise<string> {
  const visible = (await folder.list()).filter((name) => !name.startsWith('.'));
  const entries: Entry[] = [];
  for (let i = 0; i < visible.length; i += batch) {
    const some = visible.slice(i, i + batch);
    const found = await Promise.all(some.map((name) => look(root, [...names, name])));
    entries.push(...found.filter((entry) => entry !== undefined));
  }
  entries.sort(
    (a, b) => Number(b.isFolder) - Number(a.isFolder) || (text(a.name) < text(b.name) ? -1 : 1),
  );
  return page(`/${names.map((name) => `${name}/`).join('')}`, entries);
}

// What cannot be opened, for whatever reason, cannot be served either.
async function look(root: Place, names: readonly string[]): Promise<Entry | undefined> {
  const place = await root.enter(names).catch(() => undefined);
  await place?.close();
  if (place === undefined) return undefined;
  const { stats } = place;
  if (!stats.isFile() && !stats.isDirectory()) return undefined;
  return { name: names.at(-1) ?? '', isFolder: stats.isDirectory(), size: stats.size };
}

function page(path: string, entries: readonly Entry[]): string {
  const title = escaped(text(path));
  const up = path === '/' ? [] : ['<tr><td><a href="../">../</a></td><td></td></tr>'];
  const rows = entries.map(({ name, isFolder, size }) => {
    const slash = isFolder ? '/' : '';
    // './' keeps a name with a colon from being a scheme.
    const href = `./${encodeName(name)}${slash}`;
    const shown = escaped(text(name)) + slash;
    return `<tr><td><a href="${href}">${shown}</a></td><td align="right">${isFolder ? '' : size}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<h1>${title}</h1>
<table cellpadding="4">
<tr><th align="left">name</th><th align="right">bytes</th></tr>
${[...up, ...rows].join('\n')}
</table>
</html>
`;
}

// Bytes that are not UTF-8 are shown as replacement characters, but the address has them.
function text(name: string): string {
  return Buffer.from(name, 'latin1').toString();
}

function escaped(plain: string): string {
  return plain.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
