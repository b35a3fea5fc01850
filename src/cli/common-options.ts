// The options that both tools have in common, word for word.
import type { Command } from 'commander';

import { parseOrigins, parseSeconds, parseSubprotocol } from './values.js';

/** Begins the group of those who may connect, and returns the command to go on with. */
export function addOriginOption(command: Command): Command {
  return command
    .optionsGroup('Who may connect:')
    .option(
      '--origin <LIST>',
      "origins of web pages that may connect; '*' for all (default: pages from the same host)",
      parseOrigins,
    );
}

/** Adds the group of what is spoken to clients, and returns the command to go on with. */
export function addSpokenOptions(command: Command): Command {
  return command
    .optionsGroup('What is spoken:')
    .option(
      '--subprotocol <NAME>',
      "the only subprotocol (default: 'binary', 'base64', else the client's first)",
      parseSubprotocol,
    )
    .option('--text', 'send text frames instead of binary ones')
    .option(
      '--heartbeat <SEC>',
      'ping clients that are silent for so long; drop them after two unanswered',
      parseSeconds(0.001, 86_400),
    );
}
