import {commands, commandsIn, groupOf, groups, nameOf} from './commands.js';
import {didYouMean} from './complaints.js';
import {exitStatus, type Output} from './output.js';

/** Say that a command line names no command, or half a one, and which was meant. */
export function complainOf(argv: readonly string[], output: Output): number {
  const [first = '', second] = argv.filter((word) => !word.startsWith('-'));
  const group = Object.hasOwn(groups, first) ? first : undefined;
  const place = `see elfinterp ${group === undefined ? '' : `${group} `}--help`;
  output.note(`${complaint(group, group === undefined ? first : second, argv)}; ${place}`);
  return exitStatus.usage;
}

function complaint(
  group: string | undefined,
  word: string | undefined,
  [option = '']: readonly string[],
): string {
  if (option.startsWith('-'))
    return `unknown option: ${option}${didYouMean(option, ['--help', '--version'])}`;
  if (word === undefined || word === '')
    return `a command is missing${group === undefined ? '' : ` behind ${group}`}`;
  const path = group === undefined ? '' : `${group} `;
  const names =
    group === undefined
      ? [...commands.filter((command) => groupOf(command) === undefined).map(nameOf), ...Object.keys(groups)]
      : commandsIn(group).map((command) => nameOf(command).slice(path.length));
  return `unknown command: ${path}${word}${didYouMean(word, names)}`;
}
