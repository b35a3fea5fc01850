// Refusals that the codec knows nothing of: limits, and what belongs to TLS.
import { STATUS_CODES } from 'node:http';

/** An HTTP answer with `reason` as its one line of text, after which the connection is closed. */
export function refusal(status: number, reason: string, headers: readonly string[] = []): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(reason) + 1}`,
    'Connection: close',
    ...headers,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${reason}\n`);
}
