// The program of a worker process: an engine whose sockets come from the main process.
import { Socket } from 'node:net';

import { createLogger } from '../log/logger.js';
import { relaySink } from '../log/relay.js';
import { Engine } from './engine.js';
import type { EngineSettings } from './engine-settings.js';
import type { FromWorker, ToWorker } from './messages.js';
import { type Meter, openMeter } from './meter.js';

const admissions = new Map<number, (granted: boolean) => void>();
let admissionCount = 0;
const sink = relaySink();
let engine: Promise<Engine> | undefined;
let meter: Meter | undefined;

function tell(message: FromWorker): void {
  process.send?.(message);
}

// Every word of the log is to arrive.
async function leave(): Promise<void> {
  await sink.close?.();
  if (process.connected) process.disconnect();
}

async function start(settings: EngineSettings): Promise<Engine> {
  meter = await openMeter(settings.options);
  const started = await Engine.open(settings, {
    log: createLogger(settings.options.log.level, sink),
    meter,
    admit: () =>
      new Promise((resolve) => {
        admissionCount += 1;
        admissions.set(admissionCount, resolve);
        tell({ kind: 'admit', id: admissionCount });
      }),
    release: () => tell({ kind: 'released' }),
  });
  tell({ kind: 'ready' });
  return started;
}

process.on('message', async (message: ToWorker, handle) => {
  switch (message.kind) {
    case 'start':
      engine = start(message.settings);
      await engine;
      return;
    case 'socket':
      // Absent if the client left on the way.
      if (handle instanceof Socket) {
        handle.allowHalfOpen = true;
        (await engine)?.accept(handle, message.number);
      }
      return;
    case 'targets':
      return (await engine)?.setTargets(message.addresses);
    case 'tls':
      return (await engine)?.reloadTls(message.material);
    case 'admitted':
      admissions.get(message.id)?.(message.granted);
      admissions.delete(message.id);
      return;
    case 'metrics':
      return tell({ kind: 'metrics', id: message.id, snapshot: (await meter?.snapshot()) ?? {} });
    case 'retire':
      await (await engine)?.retire();
      return leave();
    case 'drain':
      await (await engine)?.drain();
      return leave();
    case 'goAway':
      await (await engine)?.goAway();
      return leave();
  }
});

// Signals of a terminal reach all processes; the main one decides what they mean. When it is gone,
// nobody can decide any more.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) {
  process.on(signal, () => undefined);
}
process.on('disconnect', () => process.exit());
