/*
 * Every command's definition, and none of their code: a run loads only the command that it is.
 */
import {type Command, parseUsage} from './command.js';
import {binfmtCommands} from './definitions/binfmt.js';
import {bundleCommands} from './definitions/bundle.js';
import {chrootCommands, doctorCommand} from './definitions/chroot.js';
import {completionCommand} from './definitions/completion.js';
import {editCommands} from './definitions/edit.js';
import {inspectCommands} from './definitions/inspect.js';
import {packCommands} from './definitions/pack.js';
import {packageCommands} from './definitions/package.js';

/** What `elfinterp GROUP --help` says a group of commands is for. */
export const groups: Readonly<Record<string, string>> = {
  chroot: 'work with a chroot of another architecture',
  binfmt: "show and change the kernel's table of emulators",
};

/** The commands as the help lists them. */
export const chapters: Readonly<Record<string, readonly Command[]>> = {
  'Inspect a program': inspectCommands,
  'Change a program': editCommands,
  'Run it elsewhere': [
    ...packCommands,
    ...bundleCommands,
    ...chrootCommands,
    doctorCommand,
    ...binfmtCommands,
  ],
  'Publish a package': packageCommands,
  'In the shell': [completionCommand],
};

export const commands: readonly Command[] = Object.values(chapters).flat();

/** The command that these words begin with, and the words behind its name. */
export function findCommand(words: readonly string[]): {command: Command; words: string[]} | undefined {
  for (const command of commands) {
    const name = nameOf(command).split(' ');
    if (name.every((word, i) => word === words[i])) return {command, words: words.slice(name.length)};
  }
  return undefined;
}

/** `chroot run` of `chroot run <chroot>`. */
export function nameOf({usage}: Command): string {
  return parseUsage(usage).name;
}

/** `chroot` of `chroot run <chroot>`. */
export function groupOf({usage}: Command): string | undefined {
  return Object.keys(groups).find((group) => usage.startsWith(`${group} `));
}

export function commandsIn(group: string): Command[] {
  return commands.filter((command) => groupOf(command) === group);
}
