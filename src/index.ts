// The package as a library: WebSocket clients as streams of bytes, and the codec without any I/O.
export {
  type Codec,
  type Dialect,
  type Encoding,
  type Handshake,
  loadCodec,
  opcode,
  type Policy,
  type Receiver,
  type Sender,
} from './codec.js';
export { WebSocketError } from './websocket/error.js';
export {
  type Accepted,
  headOf,
  type Opening,
  type Refused,
  readOpening,
} from './websocket/opening.js';
export { WebSocketServer, type WebSocketServerOptions } from './websocket/server.js';
export { type Close, type StreamOptions, WebSocketStream } from './websocket/stream.js';
