// `--option[=VALUE]` as getopt_long(3) has it: the value counts only when it is attached. commander
// would also take the next word, which here is an operand.
import type { Option } from 'commander';

/**
 * Attaches their preset value to bare options with an optional value, up to the first operand unless
 * options may stand `behind` operands as well.
 */
export function attachOptionalValues(
  argv: readonly string[],
  options: readonly Option[],
  behind = false,
): string[] {
  const result = [...argv];
  for (let i = 0; i < result.length; ++i) {
    const word = result[i] ?? '';
    if (word === '--' || (!behind && !word.startsWith('-'))) break;
    const option = options.find(({ long, short }) => word === long || word === short);
    if (option?.optional) result[i] = `${word}=${String(option.presetArg)}`;
    if (option?.required) ++i;
  }
  return result;
}
