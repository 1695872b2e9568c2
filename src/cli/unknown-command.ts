import {commands, commandsIn, findCommand, groupOf, groups, nameOf} from './commands.js';
import {exitStatus, type Output} from './output.js';
import {safe} from './safe-text.js';
import {didYouMean} from './suggest.js';

const ownOptions = ['--help', '--version', '-V'];

/** Report a missing, incomplete or unknown command, and suggest what was meant. */
export function complainOf(argv: readonly string[], output: Output): number {
  const [first = '', second] = argv.filter((word) => !word.startsWith('-'));
  const group = Object.hasOwn(groups, first) ? first : undefined;
  const place = `see elfinterp ${group === undefined ? '' : `${group} `}--help`;
  output.note(safe`${complaint(group, group === undefined ? first : second, argv)}; ${place}`);
  return exitStatus.usage;
}

function complaint(group: string | undefined, word: string | undefined, argv: readonly string[]): string {
  const [option = ''] = argv;
  if (option.startsWith('-')) return `unknown option: ${option}${wayOut(option, argv)}`;
  if (word === undefined || word === '')
    return `a command is missing${group === undefined ? '' : ` after ${group}`}`;
  const path = group === undefined ? '' : `${group} `;
  const names =
    group === undefined
      ? [
          ...commands.filter((command) => groupOf(command) === undefined).map(nameOf),
          ...Object.keys(groups),
          ...ownOptions,
        ]
      : commandsIn(group).map((command) => nameOf(command).slice(path.length));
  return `unknown command: ${path}${word}${didYouMean(word, names)}`;
}

/** What may have been meant by an option that comes first. */
function wayOut(option: string, argv: readonly string[]): string {
  if (argv.some((_, i) => findCommand(argv.slice(i)) !== undefined)) return '; options go after the command';
  if (/^--(set|print|add|remove|replace|shrink|force|clear)-/.test(option))
    return '; use elfinterp-patchelf for the options of patchelf';
  return didYouMean(option, ownOptions);
}
