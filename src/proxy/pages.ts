// Static files over HTTP: what is in a folder, and nothing outside of it.
//
// What the answer says of a file (type, ranges, conditions) is the package send's. What may be
// served is decided here: send goes by a path, and follows links wherever they lead.
import { opendirSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { resolve } from 'node:path';

import { errnoOf, LaunchError } from '../errors.js';
import { listingPage } from './listing.js';
import { Place } from './place.js';
import { encodeName, encodeQuery, parseTarget, type RequestPath } from './request-path.js';
import { respond, sendFile } from './responses.js';

export interface PagesOptions {
  folder: string;
  /** Whether a folder without an index.html is answered with a list of what is in it. */
  listing: boolean;
  /** The name below which the folder appears: with `novnc` it is served at `/novnc/`. */
  below?: string;
}

export type Pages = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A request handler for node:http that serves static files of a folder. Throws LaunchError if it is
 * no readable folder.
 *
 * 404 is the answer for what is not there or must not be known: dot files, special files, links
 * that lead out of the folder. 403 is for what is there but may not be read, and for a folder
 * without index.html if there are no listings. A link that stays inside is followed, even to what
 * has a hidden name: somebody has shown it on purpose. The folder is looked up anew for each request,
 * so it may be a link that is switched from one release to the next.
 */
export function createPages({ folder, listing, below }: PagesOptions): Pages {
  const root = resolve(folder);
  assertReadable(root);
  return (request, response) => {
    // A browser may keep a page but has to ask each time whether it is still the newest: a viewer
    // that was updated is never mixed with parts of its predecessor.
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      respond(response, 405, { Allow: 'GET, HEAD' });
      return;
    }
    const path = parseTarget(request.url ?? '');
    if (path === undefined) {
      respond(response, 400);
      return;
    }
    const top = below === undefined ? undefined : path.names.shift();
    if (top !== below) {
      respond(response, 404);
      return;
    }
    find(root, path, listing, top)
      .then((found) => answer(request, response, path, found))
      .catch((error: unknown) => respond(response, statusOf(error)));
  };
}

type Found =
  | { kind: 'file'; file: FileHandle; name: string }
  | { kind: 'folder'; name: string }
  | { kind: 'listing'; html: string }
  | { kind: 'nothing'; status: 403 | 404 };

const absent: Found = { kind: 'nothing', status: 404 };
const forbidden: Found = { kind: 'nothing', status: 403 };

async function find(
  folder: string,
  { names, slash }: RequestPath,
  listing: boolean,
  top: string | undefined,
): Promise<Found> {
  // A first dot is for `.` and `..`, too.
  if (names.some((name) => name.startsWith('.') || /[/\0]/.test(name))) return absent;
  const root = await Place.open(folder);
  let place: Place | undefined;
  try {
    place = await root.enter(names);
    if (place?.stats.isFile() && !slash) return await fileAt(place, names.at(-1) ?? '');
    if (!place?.stats.isDirectory()) return absent;
    const name = names.at(-1) ?? top;
    if (!slash && name !== undefined) return { kind: 'folder', name };
    const index = await indexOf(root, names);
    if (index !== undefined) return index;
    if (!listing) return forbidden;
    return { kind: 'listing', html: await listingPage(root, place, names) };
  } finally {
    await place?.close();
    await root.close();
  }
}

async function fileAt(place: Place, name: string): Promise<Found> {
  return { kind: 'file', file: await place.read(), name };
}

async function indexOf(root: Place, names: readonly string[]): Promise<Found | undefined> {
  const name = 'index.html';
  let place: Place | undefined;
  try {
    place = await root.enter([...names, name]);
    return place?.stats.isFile() ? await fileAt(place, name) : undefined;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  } finally {
    await place?.close();
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { query }: RequestPath,
  found: Found,
): void {
  switch (found.kind) {
    case 'file':
      sendFile(request, response, found.file, found.name);
      break;
    case 'folder':
      // Relative to where the client is, hence never to another host. './' keeps a name with a
      // colon from being a scheme.
      respond(response, 301, { Location: `./${encodeName(found.name)}/${encodeQuery(query)}` });
      break;
    case 'listing':
      response
        .writeHead(200, {
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Length': Buffer.byteLength(found.html),
          'Content-Security-Policy': "default-src 'none'",
        })
        .end(found.html);
      break;
    case 'nothing':
      respond(response, found.status);
      break;
  }
}

function statusOf(error: unknown): number {
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return 404;
    case 'EACCES':
    case 'EPERM':
      return 403;
    case 'EMFILE':
    case 'ENFILE':
      return 503;
    default:
      return 500;
  }
}

function assertReadable(folder: string): void {
  try {
    // Its own dot can be opened by those who may both enter and list it.
    opendirSync(`${folder}/.`).closeSync();
  } catch (error) {
    throw new LaunchError(
      'NO_FOLDER',
      `${folder}: no folder that pages can be served from (${errnoOf(error) ?? String(error)})`,
      'name a folder that this user can read',
      undefined,
      { cause: error },
    );
  }
}
