/*
 * argv -> options -> library call -> text or JSON. The exit status is decided here and nowhere below:
 * 0 done, 1 something that was asked for could not be done, 2 the command line is wrong.
 *
 * A run loads only what it needs: yargs if there are options to parse, help and complaints if they are printed, and the
 * one command that it runs.
 */
import {version} from '../index.js';
import {areArgumentsUtf8} from './arguments.js';
import {type Arguments, type Command, UsageError} from './command.js';
import {findCommand, groups, nameOf} from './commands.js';
import {createOutput, errorToJson, exitStatus, type Output} from './output.js';
import {plainArguments} from './plain.js';
import {safe} from './safe-text.js';

/** Run the command line. Sets `process.exitCode`; ends the process itself only when its reader has gone. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await runCommandLine(argv, createOutput());
}

async function runCommandLine(argv: readonly string[], output: Output): Promise<number> {
  if (!areArgumentsUtf8(argv)) {
    output.note(safe`the arguments are not valid UTF-8`);
    return exitStatus.usage;
  }
  const found = findCommand(argv);
  const plain = found && plainArguments(found.command, found.words);
  if (found !== undefined && plain !== undefined) return runCommand(found.command, plain, output);
  if (argv[0] === '__complete') {
    (await import('./completion/complete.js')).complete(argv.slice(1), output);
    return exitStatus.done;
  }
  if (argv[0] === '--version' || argv[0] === '-V') {
    output.line(safe`${version}`);
    return exitStatus.done;
  }
  const topic = helpTopic(argv);
  const status = topic && (await import('./help/help.js')).helpOn(topic, output);
  if (status !== undefined) return status;
  if (isUnfinished(argv)) return (await import('./help/help.js')).helpToGoOn(argv);
  if (found !== undefined) return runParsed(found.command, found.words, output);
  return (await import('./unknown-command.js')).complainOf(topic ?? argv, output);
}

/** What help is asked for, by `help` or `--help` anywhere; what follows `--` is for another program. */
function helpTopic(argv: readonly string[]): string[] | undefined {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  if (argv[0] === 'help') return words.slice(1);
  const others = words.filter((word) => word !== '--help' && word !== '-h');
  return others.length < words.length ? others : undefined;
}

/** Whether the command line is empty, or names a group without a command. */
function isUnfinished([first, ...others]: readonly string[]): boolean {
  return first === undefined || (others.length === 0 && Object.hasOwn(groups, first));
}

async function runParsed(command: Command, words: readonly string[], output: Output): Promise<number> {
  const {parseArguments} = await import('./parse.js');
  const parsed = parseArguments(command, words);
  if ('args' in parsed) return runCommand(command, parsed.args, output);
  return complain(command, parsed.complaint, output);
}

function complain(command: Command, what: string, output: Output): number {
  output.note(safe`${what}; see elfinterp ${nameOf(command)} --help`);
  return exitStatus.usage;
}

async function runCommand(command: Command, args: Arguments, output: Output): Promise<number> {
  const {run} = await command.load();
  try {
    return (await run(args, output)) ?? (output.failed ? exitStatus.failed : exitStatus.done);
  } catch (error) {
    if (error instanceof UsageError) return complain(command, error.message, output);
    output.error(error);
    if (args.json === true && output.isEmpty) output.json({error: errorToJson(error)});
    return exitStatus.failed;
  }
}
