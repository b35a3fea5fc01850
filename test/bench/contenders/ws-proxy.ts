// The same proxy as anyone would write it with the package `ws`: with backpressure, without compression.
import { type AddressInfo, connect } from 'node:net';
import { createWebSocketStream, WebSocketServer } from 'ws';

const target = Number(process.argv[2]);
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (client) => {
  const stream = createWebSocketStream(client);
  const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
  stream.pipe(upstream).pipe(stream);
  stream.on('error', () => upstream.destroy());
  upstream.on('error', () => stream.destroy());
});
server.on('listening', () => {
  console.log((server.address() as AddressInfo).port);
});
