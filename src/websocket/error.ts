// What a stream ends with when its client did not end it properly.

/** `code` is for programs, `closeCode` is what the client was told (RFC 6455 section 7.4). */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError';

  constructor(
    readonly code: 'ERR_WEBSOCKET_PROTOCOL' | 'ERR_WEBSOCKET_TIMEOUT',
    readonly closeCode: number,
    message: string,
  ) {
    super(message);
  }
}
