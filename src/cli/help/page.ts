/*
 * What the help and the manual say, before it is laid out: made of the same tables that parse the command line.
 */
import {type Command, type Example, type Option, parseUsage, placeholder, placeholders} from '../command.js';
import {chapters, commandsIn, groupOf, groups, nameOf} from '../commands.js';

export interface Page {
  /** What is typed: `elfinterp chroot run`. */
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly sections: readonly Section[];
  readonly examples: readonly Example[];
  readonly notes: readonly string[];
  /** If it differs from that of other commands. */
  readonly exitStatus?: string;
  /** Other pages to look at, where the name does not tell. */
  readonly related?: readonly string[];
}

export interface Section {
  readonly title: string;
  readonly entries: readonly Entry[];
}

/** Something and what it is. */
export interface Entry {
  readonly term: string;
  readonly text: string;
}

const helpOption: Entry = {term: '-h, --help', text: 'show this help'};

export function commandPage(command: Command): Page {
  const {positionals, options, rest, summary, examples, epilogue, exitStatus} = command;
  const {parameters} = parseUsage(command.usage);
  const explained = parameters.map((argument) => ({
    term: placeholder(argument),
    text: positionals[argument.name]?.describe ?? '',
  }));
  return {
    name: `elfinterp ${nameOf(command)}`,
    summary,
    usage: `elfinterp ${nameOf(command)} [OPTION...]${placeholders(command)}`,
    sections: [
      {
        title: 'Arguments',
        entries: rest === undefined ? explained : [...explained, {term: rest.name, text: rest.describe}],
      },
      {
        title: 'Options',
        entries: [
          ...Object.entries(options).map(([name, option]) => describeOption(name, option)),
          helpOption,
        ],
      },
    ],
    examples,
    notes: epilogue === undefined ? [] : [epilogue],
    ...(exitStatus === undefined ? {} : {exitStatus}),
  };
}

export function groupPage(group: string): Page {
  return {
    name: `elfinterp ${group}`,
    summary: groups[group] ?? '',
    usage: `elfinterp ${group} COMMAND ...`,
    sections: [
      {title: 'Commands', entries: commandsIn(group).map((command) => describeCommand(command, group))},
      {title: 'Options', entries: [helpOption]},
    ],
    examples: [],
    notes: [`elfinterp ${group} COMMAND --help shows its options.`],
  };
}

export function overviewPage(): Page {
  return {
    name: 'elfinterp',
    summary:
      'change the dynamic loader, search path and libraries of ELF programs, and make them run elsewhere',
    usage: 'elfinterp COMMAND ...',
    sections: [
      ...Object.entries(chapters).map(([title, members]) => ({title, entries: describeChapter(members)})),
      {title: 'Options', entries: [helpOption, {term: '-V, --version', text: 'show the version'}]},
    ],
    examples: [
      {line: 'elfinterp needed qemu-arm', meaning: 'which libraries it needs'},
      {line: 'elfinterp set qemu-arm /debootstrap/qemu-libs/ld.so', meaning: 'use a loader in another place'},
      {line: 'elfinterp chroot install ./chroot', meaning: 'install the emulator that an ARM root needs'},
      {line: 'elfinterp chroot run ./chroot -- /bin/uname -m', meaning: 'prints armv7l'},
    ],
    notes: [
      'elfinterp COMMAND --help shows its options.',
      'Exit status: 0 success, 1 failure, 2 wrong command line.',
    ],
  };
}

/** A group of commands is one line. */
function describeChapter(members: readonly Command[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const command of members) {
    const group = groupOf(command);
    if (group === undefined) entries.set(command.usage, describeCommand(command));
    else entries.set(group, {term: `${group} COMMAND`, text: describeGroup(group)});
  }
  return [...entries.values()];
}

function describeGroup(group: string): string {
  const verbs = commandsIn(group).map((command) => nameOf(command).slice(group.length + 1));
  return `${groups[group]}: ${verbs.join(', ')}`;
}

function describeCommand(command: Command, group = ''): Entry {
  // Arguments that belong to a flag are shown only in the command's own help.
  const {rest, ...always} = command;
  return {
    term: `${nameOf(command)}${placeholders(rest?.needs === undefined ? command : always)}`
      .slice(group.length)
      .trim(),
    text: command.summary,
  };
}

function describeOption(name: string, option: Option): Entry {
  const {alias, value, choices, twoWays, default: preset, usual = preset} = option;
  const dashed = preset === true || twoWays ? `--[no-]${name}` : `--${name}`;
  const term = `${alias === undefined ? '    ' : `-${alias}, `}${dashed}${value === undefined ? '' : ` ${value}`}`;
  const remarks = [
    ...(choices === undefined ? [] : [`one of ${choices.join(', ')}`]),
    ...(usual === undefined ? [] : [`default: ${usual === true ? `--${name}` : usual}`]),
    ...(option.demandOption ? ['required'] : []),
  ];
  const {describe = ''} = option;
  return {term, text: remarks.length === 0 ? describe : `${describe} (${remarks.join('; ')})`};
}
