// What the proxy says of itself at its start, in the words that its ancestors used.
import { resolve } from 'node:path';

import { type Address, formatAddress } from './address.js';
import type { ProxyOptions } from './options.js';
import { trafficLegend } from './traffic.js';

/** The lines; `source` is where it listens in fact. */
export function banner(options: ProxyOptions, source: Address): string[] {
  const { pages, tls, process: how, record, log } = options;
  const from = formatAddress(source).replace(/^\*/, '');
  return [
    'WebSocket server settings:',
    `  - Listen on ${from}`,
    '  - Flash security policy server',
    ...(pages === undefined ? [] : [pagesLine(pages)]),
    ...(tls === undefined ? ['  - No SSL/TLS support (no cert file)'] : ['  - SSL/TLS support']),
    ...(tls?.only ? ['  - Deny non-SSL/TLS connections'] : []),
    ...(how.daemon ? ['  - Backgrounding (daemon)'] : []),
    ...(how.workers === undefined ? [] : [`  - ${how.workers} worker processes`]),
    ...(record === undefined ? [] : [`  - Recording to '${record}.*'`]),
    ...targetLines(options, from),
    ...(log.traffic ? ['Traffic legend:', ...trafficLegend.map((line) => `  ${line}`)] : []),
  ];
}

function pagesLine({ folder, listing }: NonNullable<ProxyOptions['pages']>): string {
  if (folder === undefined) return '  - Web server. Page: a VNC client (noVNC)';
  const kind = listing ? 'Web server' : 'Web server (no directory listings)';
  return `  - ${kind}. Web root: ${resolve(folder)}`;
}

function targetLines({ target, command }: ProxyOptions, from: string): string[] {
  const secure = target.tls === undefined ? '' : ' (using SSL)';
  const line = (to: string) => [`  - proxying from ${from} to ${to}${secure}`];
  if (target.address !== undefined) return line(formatAddress(target.address));
  return command === undefined ? [] : line(`'${command.words.join(' ')}'`);
}
