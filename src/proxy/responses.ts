// How pages are answered: a file, or a short text.
import type { ReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import send from 'send';

import { link } from './place.js';

const ofFiles = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Range'];

/** Answers with a status and its name as text: nothing of the server's files is told. */
export function respond(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders = {},
): void {
  // The rest of a body can no longer be told from an error.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What was said of a file before it failed.
  for (const header of ofFiles) response.removeHeader(header);
  const text = `${STATUS_CODES[status] ?? 'Error'}\n`;
  response
    .writeHead(status, {
      ...headers,
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    })
    .end(text);
}

/**
 * Answers with a file, or that part of it which the request asks for; `name` tells its type. Closes
 * the file when the response is over, however it ends.
 */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: FileHandle,
  name: string,
): void {
  const close = () => {
    file.close().catch(() => response.destroy());
  };
  // The client may have gone while the file was looked for.
  if (response.destroyed) {
    close();
    return;
  }
  response.once('close', close);
  // All options go on to fs.createReadStream().
  const options = { fd: file, cacheControl: false };
  const stream = send(request, link(file), options);
  stream
    .on('headers', () => stream.type(name))
    .on('stream', (source: ReadStream) => endEarly(source, response))
    .on('error', (error: { status?: number; headers?: OutgoingHttpHeaders }) => {
      respond(response, error.status ?? 500, error.headers);
    })
    .pipe(response);
}

// A file that has been cut since its size was told: the client would wait for the rest for ever.
function endEarly(source: ReadStream, response: ServerResponse): void {
  source.once('end', () => {
    if (source.bytesRead < Number(response.getHeader('Content-Length'))) response.destroy();
  });
}
