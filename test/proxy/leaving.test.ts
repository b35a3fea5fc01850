// Clients that leave before they are anybody: nothing of them stays.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';

import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { requestText } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { openSockets } from '../support/kernel.js';
import { Wire } from '../support/wire.js';
import { WsProxy } from './proxy.js';
import { echoServer } from './target.js';

test('a client that says FIN in its handshake is let go', async (t) => {
  const file = join(scratch(t), 'self.pem');
  await makeCertificate({ file, names: ['localhost'], days: 2 });
  const target = await echoServer(t);
  const proxy = await WsProxy.start(t, ['--cert', file, 0, `127.0.0.1:${target.port}`]);
  const before = openSockets(proxy.pid).length;
  const head = requestText({ port: proxy.port });
  for (const beginning of ['', 'G', '<policy', head.slice(0, 50), head.slice(0, -1)]) {
    for (let i = 0; i < 10; i += 1) {
      const wire = await Wire.connect({ port: proxy.port });
      if (beginning.length > 0) await wire.write(beginning);
      wire.end();
    }
  }
  const secure = connectTls({ port: proxy.port, host: '127.0.0.1', ca: readFileSync(file) });
  secure.on('error', () => undefined);
  await once(secure, 'secureConnect');
  secure.end(head.slice(0, 50));
  // Sooner than any time limit would do it.
  await eventually('no socket is left', () => openSockets(proxy.pid).length === before, 2500);
});
