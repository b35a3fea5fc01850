// Who looks on during a session: those who count, record, or show its traffic.
import { setTimeout as delay } from 'node:timers/promises';

import type { WebSocketStream } from '../websocket/stream.js';
import type { EngineSettings } from './engine-settings.js';
import type { Meter } from './meter.js';
import type { Client } from './reception.js';
import { Recorder } from './recorder.js';
import type { Observer } from './session.js';
import { Traffic } from './traffic.js';

export interface Observation {
  observer: Observer;
  /** The session is over. Resolves when its recording is on the disk, which may take some seconds. */
  close(): Promise<void>;
}

// A session ends with its recording, but does not wait for a disk that hangs. In milliseconds.
const patience = 5000;

/** Starts to look on, before there is a target: signs are shown from the first byte. */
export function observe(
  { log, number }: Client,
  stream: WebSocketStream,
  { options, recordings }: EngineSettings,
  meter: Meter,
): Observation {
  const { record } = options;
  const recorder =
    record === undefined
      ? undefined
      : Recorder.open(record, recordings + number, stream.handshake.encoding, log);
  const traffic = options.log.traffic ? new Traffic(log) : undefined;
  const traces = log.isLevelEnabled('trace');
  const observer: Observer = {
    fromClient(payload) {
      meter.received(payload.length);
      recorder?.fromClient(payload);
    },
    toClient(payload) {
      meter.sent(payload.length);
      recorder?.toClient(payload);
    },
  };
  if (traffic !== undefined || traces) {
    observer.sign = (sign, payload, wire) => {
      traffic?.sign(sign);
      const detail = wire === undefined ? '' : ` (${wire} on the wire)`;
      if (traces) log.trace(`${sign} ${payload}${detail}`);
    };
    stream.watch = (payload, wire) => observer.sign?.(payload > 0 ? '}' : '}.', payload, wire);
  }
  const close = async () => {
    traffic?.flush();
    recorder?.close();
    await Promise.race([recorder?.closed, delay(patience, undefined, { ref: false })]);
  };
  return { observer, close };
}
