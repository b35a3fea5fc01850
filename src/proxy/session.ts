// One client and its target: bytes in both directions, each held back when the other side is slow, and
// the end of each passed on as what it is.
import type { Socket } from 'node:net';

import { errnoOf } from '../errors.js';
import { closed } from '../websocket/closed.js';
import type { WebSocketStream } from '../websocket/stream.js';

/** The signs of the traffic legend; `}.`, `>.` and `<.` are partial ones. */
export type Sign = '}' | '}.' | '{' | '>' | '>.' | '<' | '<.';

/** Who wants to know of the traffic. The payload is only lent. */
export interface Observer {
  fromClient?(payload: Buffer): void;
  toClient?(payload: Buffer): void;
  sign?(sign: Sign, payload: number, wire?: number): void;
}

/** How a session ended. */
export interface Ending {
  /** Who ended it first. */
  by: 'client' | 'target' | 'error';
  /** In words, for the log. */
  why: string;
  /** Bytes of payload. */
  received: number;
  sent: number;
}

/** What a client is told when its target goes away without an end. */
const targetBroke = { code: 1011, reason: 'the target broke the connection' };

// How long a target may take for the last bytes of a client that is gone, without any progress.
const patience = 60_000;

/**
 * Relays until both sides are closed. Never rejects. What the target's event 'data' shows need not
 * stay as it is; see connectTarget().
 */
export function relay(
  client: WebSocketStream,
  target: Socket,
  { fromClient, toClient, sign }: Observer = {},
): Promise<Ending> {
  let received = 0;
  let sent = 0;
  let first: Pick<Ending, 'by' | 'why'> | undefined;
  const note = (by: Ending['by'], why: string) => {
    first ??= { by, why };
  };

  client.on('data', (payload: Buffer) => {
    received += payload.length;
    fromClient?.(payload);
    const taken = target.write(payload);
    sign?.(taken ? '>' : '>.', payload.length);
    if (taken || target.destroyed) return;
    client.pause();
    target.once('drain', () => client.resume());
  });
  target.on('data', (payload: Buffer) => {
    sent += payload.length;
    toClient?.(payload);
    sign?.('{', payload.length);
    // The stream uses what is written at once, unless it is busy.
    const taken = client.write(client.writableLength === 0 ? payload : Buffer.from(payload));
    sign?.(taken ? '<' : '<.', payload.length);
    if (taken || client.destroyed) return;
    target.pause();
    client.once('drain', () => target.resume());
  });

  client.on('end', () => {
    const { code, reason } = client.peerClose ?? { code: 1006, reason: '' };
    note('client', `closed by the client, code ${code}${reason === '' ? '' : `: ${reason}`}`);
    target.end();
  });
  target.on('end', () => {
    note('target', 'closed by the target');
    client.end();
  });
  client.on('error', (error) => {
    note('error', errnoOf(error) === 'ECONNRESET' ? 'reset by the client' : error.message);
    // The target is to know that this was no decent end, unless it was told of one before.
    if (!target.writableEnded) reset(target);
  });
  target.on('error', (error) => {
    note('error', `the target failed: ${error.message}`);
    client.close(targetBroke.code, targetBroke.reason);
    client.resume();
  });
  client.socket.once('close', () => target.setTimeout(patience, () => target.destroy()));
  client.on('close', () => target.destroySoon());
  target.on('close', () => client.resume());
  client.resume();
  target.resume();
  // Either may have ended while the other was being connected.
  if (client.destroyed) reset(target);

  return Promise.all([closed(client), closed(target)]).then(() => ({
    by: 'error',
    why: 'closed',
    ...first,
    received,
    sent,
  }));
}

// Only TCP has resets. Node's would come after what is still to be written, and after a FIN, which a
// quick target takes for a decent end; and if it fails behind that FIN, nothing ever closes.
function reset(socket: Socket): void {
  if (socket.remoteFamily === undefined || 'encrypted' in socket) return void socket.destroy();
  socket.destroySoon = () => void socket.destroy();
  socket.resetAndDestroy();
}
