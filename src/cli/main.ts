/*
 * argv -> options -> library call -> text or JSON. The exit status is decided here and nowhere below:
 * 0 done, 1 something that was asked for could not be done, 2 the command line is wrong.
 */
import yargs from 'yargs';
import type {Arguments, Command} from './command.js';
import {commands} from './commands.js';
import {createOutput, exitStatus, type Output} from './output.js';
import {version} from './version.js';

/** Run the command line. Sets `process.exitCode`; ends the process itself only when its reader has gone. */
export async function main(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', leaveQuietly);
  process.exitCode = await runCommandLine(argv, createOutput(process.stdout, process.stderr));
}

/** As in `elfinterp needed -r / | head`: the reader has what it wanted. 141 is what a shell reports for SIGPIPE. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
}

async function runCommandLine(argv: readonly string[], output: Output): Promise<number> {
  let status: number | undefined;
  const parser = yargs([...argv])
    .scriptName('elfinterp')
    .usage('$0 COMMAND ...\n\nChange the dynamic loader, search path and libraries of ELF programs.')
    .locale('en')
    .version(version)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'duplicate-arguments-array': false,
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
    .fail((message, error, usage) => {
      if (error !== undefined && error !== null && error.name !== 'YError') throw error;
      const place = usage.parsed === false ? '' : commandOf(argv);
      output.note(`${oneLine(message)}; see elfinterp ${place}--help`);
      status = exitStatus.usage;
    });
  for (const command of commands) {
    parser.command(
      command.usage,
      command.summary,
      (builder) => describe(builder, command),
      async (args) => {
        if (status !== undefined) return;
        status = await runCommand(command, args, output);
      },
    );
  }
  try {
    await parser.parseAsync();
  } catch (error) {
    output.error(error);
    return exitStatus.failed;
  }
  return status ?? exitStatus.done;
}

function describe(builder: ReturnType<typeof yargs>, command: Command): ReturnType<typeof yargs> {
  for (const [name, positional] of Object.entries(command.positionals)) builder.positional(name, positional);
  builder.options(command.options);
  for (const [line, meaning] of command.examples) builder.example(line, meaning);
  return builder.epilogue(command.epilogue ?? '').demandCommand(0);
}

async function runCommand(command: Command, args: Arguments, output: Output): Promise<number> {
  const {run} = await command.load();
  try {
    return (await run(args, output)) ?? (output.failed ? exitStatus.failed : exitStatus.done);
  } catch (error) {
    output.error(error);
    return exitStatus.failed;
  }
}

function commandOf(argv: readonly string[]): string {
  const name = argv.find((word) => commands.some((command) => command.usage.split(' ')[0] === word));
  return name === undefined ? '' : `${name} `;
}

function oneLine(message: string): string {
  const line = message.trim().replace(/\s*\n\s*/g, ' ');
  return line.charAt(0).toLowerCase() + line.slice(1);
}
