// wsproxy: options and help. What they lead to is loaded when it is needed, for a quick start.
import { existsSync } from 'node:fs';
import { Command, Help, Option } from 'commander';

import { LaunchError } from '../errors.js';
import type { Address } from '../proxy/address.js';
import type { ProxyOptions } from '../proxy/options.js';
import { attachOptionalValues } from './optional-values.js';
import { runCli, runCommand } from './run.js';
import { parseCount, parseEndpoint, parseHosts, parseSpeed } from './values.js';
import { version } from './version.js';
import { certExamples, examples, launchExamples, replayExamples, usage } from './wsproxy-help.js';
import { addOptions, type Given } from './wsproxy-options.js';
import { proxyOptions } from './wsproxy-settings.js';

/** What follows `--` belongs to the command, untouched. */
function splitCommand(words: readonly string[]): [own: string[], command: string[] | undefined] {
  const dashes = words.indexOf('--');
  if (dashes < 0) return [[...words], undefined];
  return [words.slice(0, dashes), words.slice(dashes + 1)];
}

function refuse(message: string, hint: string): never {
  throw new LaunchError('BAD_COMMAND_LINE', message, hint);
}

// What makes no sense together. It is better said than guessed.
function check(options: ProxyOptions, given: Given): void {
  const { source, target, command, pages, tls } = options;
  const tlsOption = (['sslOnly', 'verifyClient', 'key'] as const).find((name) => given[name]);
  if (tls === undefined && tlsOption !== undefined) {
    const option = tlsOption.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    refuse(
      `--${option} needs a certificate`,
      "give --cert FILE; 'wsproxy cert' makes one for a first try",
    );
  }
  if (target.address === undefined && command === undefined && pages === undefined) {
    refuse(
      'there is nothing to connect clients to',
      'give target_addr:target_port, or -- COMMAND, or --web DIR for files alone',
    );
  }
  if (command?.words.length === 0) refuse('no COMMAND after --', 'name the server to start');
  if (command !== undefined && target.address === undefined && !('port' in source && source.port)) {
    refuse(
      'a server can only be moved away from a port that is known',
      'name the port that COMMAND listens on as the source, or give --target ADDRESS',
    );
  }
  if (given.group !== undefined && given.user === undefined) {
    refuse('a group without a user changes little', 'give --user as well');
  }
  if (given.sslTarget !== true && (given.targetCafile !== undefined || given.targetInsecure)) {
    refuse('the target is not spoken to by TLS', 'add --ssl-target');
  }
}

function program(command: readonly string[] | undefined): Command {
  const wsproxy = new Command('wsproxy')
    .description('Let WebSocket clients reach a TCP server: browsers to VNC, SSH, MQTT, anything.')
    .usage(usage)
    .argument('<source>', 'where to listen: [HOST:]PORT or unix:PATH', parseEndpoint)
    .argument('[target]', 'where to connect: [HOST:]PORT or unix:PATH', parseEndpoint)
    .helpCommand(false)
    // The options of a subcommand are its own, though they may have the same names.
    .enablePositionalOptions()
    .configureHelp({
      // The value of such an option must be attached, or it would be taken from an operand.
      optionTerm: (option) => option.flags.replace(/ \[(.*)\]$/, '[=$1]'),
      optionDescription(option) {
        const whole = new Help().optionDescription(option);
        return whole.replace(' (preset: "")', '');
      },
    })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'wsproxy: ')),
    })
    .showHelpAfterError("         'wsproxy --help' shows how it is used")
    .exitOverride()
    .addHelpText('after', examples);
  addOptions(wsproxy);
  wsproxy
    .optionsGroup('Options:')
    .version(version(), '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .action(async (source: Address, target: Address | undefined, given: Given) => {
      if (target !== undefined && given.target !== undefined) {
        refuse('the target is named twice', 'drop --target, or the second address');
      }
      const options = proxyOptions(source, target, command, given, existsSync('self.pem'));
      check(options, given);
      const { serve } = await import('../proxy/serve.js');
      process.exitCode = await serve(options);
    });

  wsproxy
    .command('launch')
    .description('show a VNC server in browsers: proxy and page on one port, and the URL to open')
    .addOption(
      new Option('--listen <ADDRESS>', 'where to listen: [HOST:]PORT')
        .argParser(parseEndpoint)
        .default({ port: 6080 }, '6080'),
    )
    .addOption(
      new Option('--vnc <ADDRESS>', 'the VNC server: [HOST:]PORT or unix:PATH')
        .argParser(parseEndpoint)
        .default({ host: 'localhost', port: 5900 }, 'localhost:5900'),
    )
    .option('--cert <FILE>', 'certificate and key for https:// (default: self.pem if there)')
    .addHelpText('after', launchExamples)
    .action(async (given: { listen: Address; vnc: Address; cert?: string }) => {
      const { launch } = await import('../proxy/launch.js');
      process.exitCode = await launch(given);
    });

  wsproxy
    .command('replay')
    .description('play a recorded session to every client that connects, at its own pace')
    .argument('<FILE>', 'what --record wrote')
    .argument('<PORT>', 'where to listen: [HOST:]PORT or unix:PATH', parseEndpoint)
    .option('--speed <FACTOR>', 'faster or slower; 2 is twice as fast', parseSpeed, 1)
    .addHelpText('after', replayExamples)
    .action(async (file: string, address: Address, { speed }: { speed: number }) => {
      const { replay } = await import('../proxy/replay.js');
      process.exitCode = await replay(file, address, { speed });
    });

  wsproxy
    .command('cert')
    .description('make a certificate, signed by itself, for a first try')
    .option('--out <FILE>', 'where to put certificate and key', 'self.pem')
    .option('--name <NAME>', 'a host name or address that it is for (may be repeated)', parseHosts)
    .option('--days <N>', 'how long it is valid', parseCount(1, 3650), 397)
    .option('--force', 'replace the file')
    .addHelpText('after', certExamples)
    .action(async (given: { out: string; name?: string[]; days: number; force?: true }) => {
      const { describeCertificate, makeCertificate } = await import('../proxy/certificate.js');
      const { out: file, name: names = [], days, force = false } = given;
      const certificate = await makeCertificate({ file, names, days, force });
      process.stdout.write(describeCertificate(certificate));
    });
  return wsproxy;
}

await runCli(async () => {
  const [own, command] = splitCommand(process.argv.slice(2));
  const wsproxy = program(command);
  await runCommand(wsproxy, attachOptionalValues(own, wsproxy.options, true));
}, 'wsproxy');
// A start that failed has listeners, and an end that came by itself may have left people who look at
// metrics: they would keep this process.
process.exit();
