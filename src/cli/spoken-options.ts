// The options that both tools have in common: what is spoken to clients.
import type { Command } from 'commander';

import { parseSeconds, parseSubprotocol } from './values.js';

/** Adds the group, and returns the command to go on with. */
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
