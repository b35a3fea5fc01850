// The values of options: each function turns what the user typed into what it means, or throws
// commander's error with a message that says what was expected.
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';

import type { LogLevel } from '../launcher/environment.js';
import { type Address, parseAddress } from '../proxy/address.js';

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) {
    throw new InvalidArgumentError(`'${text}' is not a port: a number from 1 to 65535 is.`);
  }
  return port;
}

// The shim keeps this many.
const maxPorts = 64;

export function parsePorts(text: string): number[] {
  const ports = text.split(',').map(parsePort);
  if (new Set(ports).size < ports.length) throw new InvalidArgumentError('A port is named twice.');
  if (ports.length > maxPorts) throw new InvalidArgumentError(`At most ${maxPorts} ports.`);
  return ports;
}

/** A decimal number from `least` to `most`, written without an exponent. */
export function parseSeconds(least: number, most: number): (text: string) => number {
  return (text) => {
    const seconds = /^\d+(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
    if (seconds >= least && seconds <= most) return seconds;
    throw new InvalidArgumentError(`Seconds from ${least} to ${most} are expected.`);
  };
}

export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (count >= least && count <= most) return count;
    throw new InvalidArgumentError(`A number from ${least} to ${most} is expected.`);
  };
}

/** A comma separated list; given again, the option adds to it. */
export function parseList(
  valid: RegExp,
  expected: string,
): (text: string, before?: string[]) => string[] {
  return (text, before = []) => {
    const items = text.split(',').map((item) => item.trim());
    const wrong = items.find((item) => !valid.test(item));
    if (wrong !== undefined) throw new InvalidArgumentError(`'${wrong}': expected ${expected}.`);
    return [...before, ...items];
  };
}

const name = String.raw`(?:\*\.)?(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])`;

export const parseOrigins = parseList(
  new RegExp(String.raw`^(?:\*|(?:[a-z][a-z0-9+.-]*://)?${name}(?::\d{1,5})?)$`, 'i'),
  "an origin (https://example.org), a host ('example.org', '*.example.org'), or '*'",
);

export const parseHosts = parseList(
  new RegExp(`^${name}$`, 'i'),
  'a host name or address without a port',
);

export function parsePath(text: string): string {
  if (/^\/[!-~]*$/.test(text) && !/[?#]/.test(text)) return text;
  throw new InvalidArgumentError("A path that begins with '/' is expected, without a query.");
}

export function parseSubprotocol(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text;
  throw new InvalidArgumentError('One name is expected, without spaces or commas.');
}

export const logLevels: readonly LogLevel[] = ['quiet', 'info', 'debug', 'trace'];

/** `[HOST:]PORT` or `unix:PATH`. */
export function parseEndpoint(text: string): Address {
  const address = parseAddress(text);
  // A daemon changes its working folder.
  if (address !== undefined) return 'path' in address ? { path: resolve(address.path) } : address;
  throw new InvalidArgumentError(`'${text}' is no address: [HOST:]PORT or unix:PATH is.`);
}

/** How many times as fast. */
export function parseSpeed(text: string): number {
  const speed = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (speed >= 0.01 && speed <= 1000) return speed;
  throw new InvalidArgumentError('A factor from 0.01 to 1000 is expected.');
}

/** Octal permissions of a file, as for chmod(1). */
export function parseMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw new InvalidArgumentError('Three octal digits are expected, such as 660.');
}

/** A file that can be appended to. It is made now, so that a wrong path is noticed in time. */
export function validLogFile(path: string): string {
  try {
    closeSync(openSync(path, 'a', 0o640));
    return path;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
