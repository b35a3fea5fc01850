// The options of wsproxy: what they are called, and what they take.
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';

import type { LogLevel } from '../launcher/environment.js';
import { parseSyslog, type SyslogOptions } from '../log/options.js';
import type { Address } from '../proxy/address.js';
import { defaults } from '../proxy/defaults.js';
import { addOriginOption, addSpokenOptions } from './common-options.js';
import {
  logLevels,
  parseCount,
  parseEndpoint,
  parseHosts,
  parseMode,
  parsePath,
  parseSeconds,
} from './values.js';

/** What commander makes of the command line. */
export interface Given {
  origin?: string[];
  host?: string[];
  path?: string;
  handshakeTimeout: number;
  maxPending: number;
  maxConnections: number;
  subprotocol?: string;
  text?: true;
  heartbeat?: number;
  target?: Address;
  connectTimeout: number;
  sslTarget?: true;
  targetCafile?: string;
  targetInsecure?: true;
  proxyProtocol?: 1 | 2;
  cert?: string;
  key?: string;
  keyPasswordFile?: string;
  sslOnly?: true;
  sslVersion?: 'TLSv1.2' | 'TLSv1.3';
  sslCiphers?: string;
  verifyClient?: true;
  cafile?: string;
  web?: string;
  directoryListing?: true;
  record?: string;
  wrapMode: 'exit' | 'ignore' | 'respawn';
  workers?: number;
  daemon?: true;
  pidFile?: string;
  user?: string;
  group?: string;
  unixListenMode: number;
  runOnce?: true;
  timeout?: number;
  idleTimeout?: number;
  metrics?: Address;
  verbose?: true;
  logLevel?: LogLevel;
  logFormat: 'text' | 'json';
  logFile?: string;
  syslog?: SyslogOptions;
}

const most = { seconds: 86_400, connections: 1_000_000 };
const seconds = parseSeconds(0.001, most.seconds);

/** Adds the options, in groups. */
export function addOptions(command: Command): void {
  addOriginOption(command)
    .option(
      '--host <NAME>',
      'another name that clients may use for a proxy on a loopback address',
      parseHosts,
    )
    .option('--path <PATH>', 'the only path that leads to the target (default: any)', parsePath)
    .option(
      '--handshake-timeout <SEC>',
      'how long a client may take to say what it wants, TLS included',
      seconds,
      defaults.handshakeTimeout,
    )
    .option(
      '--max-pending <N>',
      'clients that may be in their handshake at once; the oldest goes first',
      parseCount(1, 100_000),
      defaults.maxPending,
    )
    .option(
      '--max-connections <N>',
      'clients that may be connected at once; more get 503',
      parseCount(1, most.connections),
      defaults.maxConnections,
    );

  addSpokenOptions(command)
    .optionsGroup('The target:')
    .option(
      '--target <ADDRESS>',
      'another way to name it, for a COMMAND that is not moved',
      parseEndpoint,
    )
    .option(
      '--connect-timeout <SEC>',
      'how long connecting to it may take',
      seconds,
      defaults.connectTimeout,
    )
    .addOption(
      new Option(
        '--proxy-protocol <VERSION>',
        'tell it the address of each client by the PROXY protocol',
      )
        .choices(['1', '2'])
        .argParser(parseProxyProtocol),
    )
    .option('--ssl-target', 'speak TLS to it')
    .option('--target-cafile <FILE>', 'certificates to trust there, in place of those of Node.js')
    .option('--target-insecure', 'trust whatever certificate it has')

    .optionsGroup('TLS (https:// and wss://, on the same port):')
    .option('-c, --cert <FILE>', 'certificate, perhaps with its key (default: self.pem if there)')
    .option('-k, --key <FILE>', 'key, where it is not in the same file')
    .option('--key-password-file <FILE>', 'the passphrase of the key (or $WSPROXY_KEY_PASSWORD)')
    .option('--ssl-only', 'refuse clients without TLS')
    .addOption(
      new Option('--ssl-version <VERSION>', 'the oldest version to speak')
        .choices(['default', 'tlsv1_2', 'tlsv1_3'])
        .argParser(parseTlsVersion),
    )
    .option('--ssl-ciphers <LIST>', 'ciphers to allow, in the words of openssl-ciphers(1)')
    .option('--verify-client', 'only clients that have a certificate')
    .option('--cafile <FILE>', 'who may have signed it (default: who Node.js trusts)')

    .optionsGroup('Pages:')
    .option('--web <DIR>', 'serve the files of a folder on the same port')
    .option('--directory-listing', 'show what is in folders without an index.html')

    .optionsGroup('Sessions:')
    .option('--record <FILE>', 'record each session in FILE.<number>, for noVNC to play back')

    .optionsGroup('Processes:')
    .addOption(
      new Option(
        '--wrap-mode <MODE>',
        'when COMMAND ends: exit too, ignore that, or start it again',
      )
        .choices(['exit', 'ignore', 'respawn'])
        .default('exit'),
    )
    .option(
      '--workers <N>',
      "so many processes on one port; 'auto': one for each CPU",
      parseWorkers,
    )
    .option('-D, --daemon', 'go to the background once everything works')
    .option('--pid-file <FILE>', 'write the process ID there')
    .option('--user <NAME>', 'become this user once port and certificate are open')
    .option('--group <NAME>', "become this group (default: the user's)")
    .addOption(
      new Option('--unix-listen-mode <MODE>', 'permissions of the socket of unix:PATH')
        .argParser(parseMode)
        .default(defaults.sourceMode, '600'),
    )
    .option('--run-once', 'end after the first session')
    .option(
      '--timeout <SEC>',
      'let nobody in after so long, and end with the last session',
      seconds,
    )
    .option('--idle-timeout <SEC>', 'end when there was no session for so long', seconds)
    .option('--metrics <ADDRESS>', 'serve /metrics (Prometheus) and /health there', parseEndpoint)

    .optionsGroup('What is told:')
    .option('-v, --verbose', 'show the traffic of each session by signs')
    .addOption(
      new Option('--log-level <LEVEL>', 'how much to log (default: info)').choices(logLevels),
    )
    .addOption(
      new Option('--log-format <FORMAT>', 'lines for people or for programs')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--log-file <FILE>', 'where to log (default: standard error)')
    .addOption(
      new Option('--syslog [SERVER]', 'log to the system, or to HOST[:PORT] by UDP')
        .argParser(parseSyslogServer)
        .preset(''),
    )
    // Spellings of the tools that came before.
    .addOption(new Option('-f, --foreground').hideHelp())
    .addOption(new Option('--file-only').hideHelp());
}

function parseProxyProtocol(text: string): 1 | 2 {
  if (text === '1' || text === '2') return text === '1' ? 1 : 2;
  throw new InvalidArgumentError('1 or 2 is expected.');
}

function parseTlsVersion(text: string): 'TLSv1.2' | 'TLSv1.3' {
  if (text === 'tlsv1_3') return 'TLSv1.3';
  if (text === 'tlsv1_2' || text === 'default') return 'TLSv1.2';
  throw new InvalidArgumentError('default, tlsv1_2 or tlsv1_3 is expected.');
}

function parseWorkers(text: string): number {
  return text === 'auto' ? availableParallelism() : parseCount(1, 1024)(text);
}

function parseSyslogServer(text: string): SyslogOptions {
  const options = parseSyslog(text);
  if (options !== undefined) return options;
  throw new InvalidArgumentError(`'${text}' is no server: HOST or HOST:PORT is.`);
}
