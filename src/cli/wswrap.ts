// wswrap: options and help. What they lead to is loaded when it is needed, for a quick start.
import { Command, Option } from 'commander';

import type { LogLevel, Settings } from '../launcher/environment.js';
import { addOriginOption, addSpokenOptions } from './common-options.js';
import { attachOptionalValues } from './optional-values.js';
import { runCli, runCommand } from './run.js';
import {
  logLevels,
  parseCount,
  parseHosts,
  parsePath,
  parsePort,
  parsePorts,
  parseSeconds,
  validLogFile,
} from './values.js';
import { version } from './version.js';

const examples = `
Examples:
  wswrap 5901 vncserver :1                  a VNC desktop that noVNC connects to directly
  wswrap 6379 redis-server                  browsers on this host talk to Redis
  wswrap --origin '*.example.org' 5901 x11vnc -rfbport 5901
                                            pages of example.org may connect, others may not
  wswrap --text --subprotocol chat 7000 ./chat-server --port 7000
                                            text frames; only clients that offer 'chat'
  wswrap -v --log-file ws.log 8000,8001 python3 server.py
                                            two ports; who came and went is logged
  TRACE=1 wswrap 5901 vncserver :1          every frame is logged

The server must listen on PORT itself: wswrap changes what the port speaks, not where it is.
Options end at PORT; all that follows COMMAND is COMMAND's own.

Exit status: the server's own; 125 if wswrap fails or COMMAND cannot be configured,
126 if COMMAND cannot be executed or wrapped, 127 if it is not found.`;

interface Options {
  origin?: string[];
  host?: string[];
  path?: string;
  subprotocol?: string;
  text?: true;
  handshakeTimeout: number;
  maxPending: number;
  maxConnections: number;
  heartbeat?: number;
  allowRaw?: number;
  verbose?: true;
  logLevel?: LogLevel;
  logFile?: string;
}

function settingsOf(ports: readonly number[], options: Options): Settings {
  const { origin, host, verbose, logLevel, ...same } = options;
  const level = logLevel ?? (verbose ? 'info' : undefined);
  return {
    ...same,
    ports,
    ...(origin === undefined ? {} : { origins: origin }),
    ...(host === undefined ? {} : { hosts: host }),
    ...(level === undefined ? {} : { logLevel: level }),
  };
}

function program(): Command {
  const wswrap = new Command('wswrap')
    .description('Start an unmodified TCP server whose port speaks WebSocket.')
    .usage('[options] PORT[,PORT…] COMMAND [ARG…]')
    .argument('<PORT>', 'the ports that the server listens on, comma separated', parsePorts)
    .argument('<COMMAND...>', 'the server and its arguments')
    .enablePositionalOptions()
    .passThroughOptions()
    .helpCommand(false)
    .configureHelp({
      // The value of such an option must be attached, or it would be taken from PORT.
      optionTerm: (option) => option.flags.replace(/ \[(.*)\]$/, '[=$1]'),
    })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'wswrap: ')),
    })
    .showHelpAfterError("        'wswrap --help' shows how it is used")
    .exitOverride()
    .addHelpText('after', examples);

  addOriginOption(wswrap)
    .option(
      '--host <NAME>',
      'another name that clients may use for a server on a loopback address',
      parseHosts,
    )
    .option('--path <PATH>', 'the only path that is served (default: any)', parsePath)
    .option(
      '--handshake-timeout <SEC>',
      'how long a client may take to say what it wants',
      parseSeconds(0.001, 86400),
      10,
    )
    .option(
      '--max-pending <N>',
      'clients that may be in their handshake at once; the oldest goes first',
      parseCount(1, 16_384),
      1024,
    )
    .option(
      '--max-connections <N>',
      'clients that may be connected at once; more get 503',
      parseCount(1, 65_536),
      65_536,
    )
    .addOption(
      new Option(
        '--allow-raw [MS]',
        'also serve plain TCP clients: those whose first bytes are not HTTP, or that are silent for MS milliseconds',
      )
        .argParser(parseCount(0, 86_400_000))
        .preset('1000'),
    );

  addSpokenOptions(wswrap)
    .optionsGroup('What is told:')
    .option('-v, --verbose', 'log each connection (same as --log-level info)')
    .addOption(new Option('--log-level <LEVEL>', 'how much to log').choices(logLevels))
    .option('--log-file <FILE>', 'where to log (default: standard error)', validLogFile)
    .optionsGroup('Options:')
    .version(version(), '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')

    .action(async (ports: number[], command: string[], options: Options) => {
      const { launch } = await import('../launcher/launch.js');
      await launch(settingsOf(ports, options), command);
    });

  wswrap
    .command('doctor')
    .description('check this system, and whether COMMAND can be wrapped')
    .usage('[COMMAND [ARG…]]')
    .argument('[COMMAND...]', 'the server to look at')
    .passThroughOptions()
    .action(async (command: string[]) => {
      const { doctor } = await import('../launcher/doctor.js');
      process.exitCode = await doctor(command);
    });

  wswrap
    .command('demo')
    .description('run a small remote desktop under wswrap and serve a page that shows it')
    .option('--port <N>', "the desktop's port", parsePort, 5901)
    .option('--web-port <N>', "the page's port", parsePort, 6080)
    .option('--listen <ADDRESS>', 'the address of both', '127.0.0.1')
    .action(async (options: { port: number; webPort: number; listen: string }) => {
      const { demo } = await import('../demo/demo.js');
      process.exitCode = await demo(options);
    });

  return wswrap;
}

await runCli(async () => {
  const wswrap = program();
  await runCommand(wswrap, attachOptionalValues(process.argv.slice(2), wswrap.options));
});
