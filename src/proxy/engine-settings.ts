// What an engine is given, and what its parts make of it.
import type { RequestListener } from 'node:http';

import type { Policy } from '../codec.js';
import type { ProxyOptions } from './options.js';
import type { TargetSettings } from './target.js';
import type { TlsMaterial } from './tls.js';

/** The options, and what was found out before there could be workers. Plain data. */
export interface EngineSettings {
  options: ProxyOptions;
  tls?: TlsMaterial;
  /** The certificates that a target's is checked against, in PEM. */
  targetCa?: string;
  /** Whether the port can be reached from this machine only. */
  loopback: boolean;
  /** What is added to the number of a connection for that of its recording. */
  recordings: number;
}

/** What the codec is to decide by. */
export function policyOf({ options, loopback }: EngineSettings): Policy {
  const { origins, hosts, path, subprotocol } = options.client;
  return {
    loopback,
    ...(origins === undefined ? {} : { origins }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(path === undefined ? {} : { path }),
    ...(subprotocol === undefined ? {} : { subprotocol }),
  };
}

/** How to connect to the target. */
export function targetSettings({ options, targetCa }: EngineSettings): TargetSettings {
  const { connectTimeout, proxyProtocol, tls } = options.target;
  return {
    timeout: connectTimeout * 1000,
    ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
    ...(tls === undefined
      ? {}
      : { tls: { verify: tls.verify, ...(targetCa === undefined ? {} : { ca: targetCa }) } }),
  };
}

/**
 * The pages, if there are any; loaded then, as not every proxy has some. Throws a LaunchError when
 * their folder cannot be read.
 */
export async function openPages({ pages }: ProxyOptions): Promise<RequestListener | undefined> {
  if (pages === undefined) return undefined;
  const { folder, listing } = pages;
  if (folder === undefined) return (await import('./viewer-pages.js')).createViewerPages();
  return (await import('./pages.js')).createPages({ folder, listing });
}
