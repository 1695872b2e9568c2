/*
 * argv -> options -> library call -> text or JSON. The exit status is decided here and nowhere below:
 * 0 done, 1 something that was asked for could not be done, 2 the command line is wrong.
 */
import yargs from 'yargs';
import {standardInput, version} from '../index.js';
import type {Arguments, Command} from './command.js';
import {commands, groups} from './commands.js';
import {createOutput, exitStatus, type Output} from './output.js';

/** Run the command line. Sets `process.exitCode`; ends the process itself only when its reader has gone. */
export async function main(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', leave);
  process.exitCode = await runCommandLine(argv, createOutput(process.stdout, process.stderr));
}

/**
 * Output that nobody takes. A reader that went away, as in `elfinterp needed -r / | head`, has what it wanted: 141 is
 * what a shell reports for SIGPIPE. Anything else, a full disk above all, is a failure.
 */
function leave(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(141);
  process.stderr.write(`elfinterp: cannot write the output: ${error.message}\n`);
  process.exit(exitStatus.failed);
}

interface Choice {
  readonly command: Command;
  readonly args: Arguments;
}

/**
 * Thrown by yargs's handlers to get out of yargs: once a handler has returned, yargs lays out its whole help text in
 * case somebody asks for it, which costs more than `get` itself.
 */
class Chosen {
  readonly choice: Choice;
  constructor(choice: Choice) {
    this.choice = choice;
  }
}

async function runCommandLine(argv: readonly string[], output: Output): Promise<number> {
  let status: number | undefined;
  const parser = yargs(endOptions(nameStandardInput(argv)))
    .scriptName('elfinterp')
    .usage('$0 COMMAND ...\n\nChange the dynamic loader, search path and libraries of ELF programs.')
    .locale('en')
    .version(version)
    .parserConfiguration({
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'populate--': true,
    })
    .wrap(Math.min(process.stdout.columns ?? 100, 110))
    .strict()
    .recommendCommands()
    .demandCommand(1, 'a command is missing')
    .epilogue(
      'elfinterp COMMAND --help tells more. Exit status: 0 done, 1 could not be done, 2 wrong command line.',
    )
    .help()
    .alias('help', 'h')
    .exitProcess(false)
    .fail((message, error) => {
      if (error instanceof Chosen || (error && error.name !== 'YError')) throw error;
      // yargs goes on after the first complaint; one is enough.
      if (status === undefined) output.note(complaint(argv, message));
      status = exitStatus.usage;
    });
  for (const command of commands.filter(({usage}) => !isGrouped(usage)))
    addCommand(parser, command, command.usage);
  for (const [name, summary] of Object.entries(groups)) {
    parser.command(name, summary, (builder) => {
      for (const command of commands.filter(({usage}) => usage.startsWith(`${name} `))) {
        addCommand(builder, command, command.usage.slice(name.length + 1));
      }
      return builder.demandCommand(1, 'a command is missing');
    });
  }
  const choice = choose(parser);
  if (status !== undefined) return status;
  return choice === undefined ? exitStatus.done : runCommand(choice, output);
}

/**
 * Behind `--` stands the command that a chroot shall run, and elsewhere files, whose names may begin with a dash;
 * yargs would not take those for positional arguments.
 */
function endOptions(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  if (end < 0 || argv[0] === 'chroot') return [...argv];
  const files = argv.slice(end + 1).map((file) => (file.startsWith('-') ? `./${file}` : file));
  return [...argv.slice(0, end), ...files];
}

/** `chroot run <chroot>` belongs to the group `chroot`. */
function isGrouped(usage: string): boolean {
  return Object.keys(groups).some((name) => usage.startsWith(`${name} `));
}

function choose(parser: Parser): Choice | undefined {
  try {
    parser.parseSync();
    return undefined;
  } catch (error) {
    if (error instanceof Chosen) return error.choice;
    throw error;
  }
}

function addCommand(parser: Parser, command: Command, usage: string): void {
  parser.command(
    usage,
    command.summary,
    (builder) => describe(builder, command),
    (args) => {
      throw new Chosen({command, args});
    },
  );
}

type Parser = ReturnType<typeof yargs>;

/** yargs loses a file that is called `-`. What follows `--` is somebody else's. */
function nameStandardInput(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, i) => (word === '-' && (end < 0 || i < end) ? standardInput : word));
}

function describe(builder: Parser, command: Command): Parser {
  for (const [name, positional] of Object.entries(command.positionals)) builder.positional(name, positional);
  builder.options(command.options);
  for (const [line, meaning] of command.examples) builder.example(line, meaning);
  return builder.epilogue(command.epilogue ?? '').demandCommand(0);
}

async function runCommand({command, args}: Choice, output: Output): Promise<number> {
  const twice = givenTwice(command, args);
  if (twice !== undefined) {
    output.note(`--${twice} is given more than once; see elfinterp ${nameOf(command.usage)} --help`);
    return exitStatus.usage;
  }
  const {run} = await command.load();
  try {
    return (await run(args, output)) ?? (output.failed ? exitStatus.failed : exitStatus.done);
  } catch (error) {
    output.error(error);
    return exitStatus.failed;
  }
}

/** What yargs has to say of a command line, in one line that ends with where to read on. */
function complaint(argv: readonly string[], message: string): string {
  const command = commands.find(({usage}) => `${argv.join(' ')} `.startsWith(`${nameOf(usage)} `));
  if (command === undefined) return complaintWithoutCommand(argv, message);
  const unknown = unknownOption(argv, command);
  const isMissing = message.startsWith('Not enough non-option arguments');
  const what =
    unknown !== undefined
      ? `unknown option: ${unknown}`
      : isMissing
        ? `an argument is missing: elfinterp ${command.usage}`
        : oneLine(message);
  const isExtra = /^unknown (option|argument)/.test(what) && command.rest !== undefined;
  const hint = isExtra ? `; ${command.rest} stands behind --` : '';
  return `${what}${hint}; see elfinterp ${nameOf(command.usage)} --help`;
}

function complaintWithoutCommand(argv: readonly string[], message: string): string {
  const [first = '', second = ''] = argv.filter((word) => !word.startsWith('-'));
  const isGroup = first in groups;
  const name = isGroup ? `${first} ${second}`.trim() : first;
  const place = `see elfinterp ${isGroup ? `${first} ` : ''}--help`;
  if (message.startsWith('Did you mean')) return `unknown command: ${name}; ${oneLine(message)}; ${place}`;
  return `${oneLine(message).replace(/^unknown argument: (?=[^-]).*/, `unknown command: ${name}`)}; ${place}`;
}

/** yargs takes the word behind an option that it does not know for its value, and then misses that word. */
function unknownOption(argv: readonly string[], {options}: Command): string | undefined {
  const known = new Set(['help', 'h', 'version']);
  for (const [name, {alias}] of Object.entries(options)) {
    for (const spelling of [name, `no-${name}`, alias ?? []].flat()) known.add(spelling);
  }
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  return words.find((word) => /^--?[^-]/.test(word) && !known.has(word.replace(/^--?|=.*/gs, '')));
}

function nameOf(usage: string): string {
  return usage.replace(/ [<[].*/, '');
}

function oneLine(message: string): string {
  const line = message.trim().replace(/\s*\n\s*/g, ' ');
  return line.charAt(0).toLowerCase() + line.slice(1);
}

/** An option that takes one value and was given two. */
function givenTwice({options}: Command, args: Arguments): string | undefined {
  return Object.keys(options).find((name) => Array.isArray(args[name]) && options[name]?.array !== true);
}
