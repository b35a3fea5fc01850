// From the options of wsproxy to what they mean. Paths become absolute, because a daemon changes its
// working folder.
import { resolve } from 'node:path';

import type { LogLevel } from '../launcher/environment.js';
import type { Address } from '../proxy/address.js';
import type { ProxyOptions } from '../proxy/options.js';
import type { Given } from './wsproxy-options.js';

/**
 * The options of the proxy. `hasCert` tells whether self.pem is there; paths become absolute, because
 * a daemon changes its working folder.
 */
export function proxyOptions(
  source: Address,
  target: Address | undefined,
  command: readonly string[] | undefined,
  given: Given,
  hasCert: boolean,
): ProxyOptions {
  const cert = given.cert ?? (hasCert ? 'self.pem' : undefined);
  const { verbose = false, logLevel = environmentLevel() ?? 'info' } = given;
  return {
    source,
    sourceMode: given.unixListenMode,
    client: {
      ...(given.origin === undefined ? {} : { origins: given.origin.join(',') }),
      ...(given.host === undefined ? {} : { hosts: given.host.join(',') }),
      ...optional('path', given.path),
      ...optional('subprotocol', given.subprotocol),
      ...optional('heartbeat', given.heartbeat),
      text: given.text ?? false,
      handshakeTimeout: given.handshakeTimeout,
      maxPending: given.maxPending,
      maxConnections: given.maxConnections,
    },
    target: {
      ...optional('address', target ?? given.target),
      connectTimeout: given.connectTimeout,
      ...optional('proxyProtocol', given.proxyProtocol),
      ...(given.sslTarget
        ? {
            tls: {
              verify: !given.targetInsecure,
              ...optional('cafile', absolute(given.targetCafile)),
            },
          }
        : {}),
    },
    ...(cert === undefined
      ? {}
      : {
          tls: {
            cert: resolve(cert),
            ...optional('key', absolute(given.key)),
            ...optional('passwordFile', absolute(given.keyPasswordFile)),
            ...optional('minVersion', given.sslVersion),
            ...optional('ciphers', given.sslCiphers),
            verifyClient: given.verifyClient ?? false,
            ...optional('cafile', absolute(given.cafile)),
            only: given.sslOnly ?? false,
          },
        }),
    ...(given.web === undefined
      ? {}
      : { pages: { folder: resolve(given.web), listing: given.directoryListing ?? false } }),
    ...optional('record', absolute(given.record)),
    process: {
      ...optional('workers', given.workers),
      daemon: given.daemon ?? false,
      ...optional('pidFile', absolute(given.pidFile)),
      ...(given.user === undefined
        ? {}
        : { identity: { user: given.user, ...optional('group', given.group) } }),
      runOnce: given.runOnce ?? false,
      ...optional('timeout', given.timeout),
      ...optional('idleTimeout', given.idleTimeout),
      ...optional('metrics', given.metrics),
    },
    ...(command === undefined ? {} : { command: { words: command, mode: given.wrapMode } }),
    log: {
      level: logLevel,
      traffic: verbose,
      format: given.logFormat,
      ...optional('file', absolute(given.logFile)),
      ...optional('syslog', given.syslog),
    },
  };
}

function environmentLevel(): LogLevel | undefined {
  if (process.env['TRACE'] === '1') return 'trace';
  return process.env['DEBUG'] === '1' ? 'debug' : undefined;
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

// A property that is there only if it has a value.
function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [name in Name]?: Value } {
  const result: { [name in Name]?: Value } = {};
  if (value !== undefined) result[name] = value;
  return result;
}
