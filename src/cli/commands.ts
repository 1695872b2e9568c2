/*
 * Every command's definition, and none of their code: a run loads only the command that it is.
 */
import * as binfmt from './binfmt/definition.js';
import {bundle} from './bundle/definition.js';
import * as chroot from './chroot/definition.js';
import {type Command, command, parseUsage} from './command.js';
import {completion} from './completion/definition.js';
import {edit, set} from './edit/definition.js';
import {check, get, needed} from './inspect/definition.js';
import {pack, unpack} from './pack/definition.js';
import {audit, repair} from './package/definition.js';
import {show} from './show/definition.js';
import {tree} from './tree/definition.js';

/** What `elfinterp GROUP --help` says a group of commands is for. */
export const groups: Readonly<Record<string, string>> = {
  chroot: 'work with a chroot of another architecture',
  binfmt: "show and change the kernel's table of emulators",
};

/** The commands as the help lists them. */
export const chapters: Readonly<Record<string, readonly Command[]>> = {
  'Inspect a program': [
    command(get, () => import('./inspect/get.js')),
    command(needed, () => import('./inspect/needed.js')),
    command(show, () => import('./show/show.js')),
    command(tree, () => import('./tree/tree.js')),
    command(check, () => import('./inspect/check.js')),
  ],
  'Change a program': [
    command(set, () => import('./edit/set.js')),
    command(edit, () => import('./edit/edit.js')),
  ],
  'Run it elsewhere': [
    command(pack, () => import('./pack/pack.js')),
    command(unpack, () => import('./pack/unpack.js')),
    command(bundle, () => import('./bundle/bundle.js')),
    command(chroot.chrootInstall, () => import('./chroot/install.js')),
    command(chroot.chrootRun, () => import('./chroot/run.js')),
    command(chroot.chrootCreate, () => import('./chroot/create.js')),
    command(chroot.chrootVerify, () => import('./chroot/verify.js')),
    command(chroot.chrootRemove, () => import('./chroot/remove.js')),
    command(chroot.doctor, () => import('./chroot/doctor.js')),
    command(binfmt.binfmtList, () => import('./binfmt/list.js')),
    command(binfmt.binfmtShow, () => import('./binfmt/show.js')),
    command(binfmt.binfmtStatus, () => import('./binfmt/status.js')),
    command(binfmt.binfmtRegister, () => import('./binfmt/register.js')),
    command(binfmt.binfmtRun, () => import('./binfmt/run.js')),
    command(binfmt.binfmtUnregister, async () => ({run: (await import('./binfmt/change.js')).unregister})),
    command(binfmt.binfmtEnable, async () => ({run: (await import('./binfmt/change.js')).enable})),
    command(binfmt.binfmtDisable, async () => ({run: (await import('./binfmt/change.js')).disable})),
  ],
  'Publish a package': [
    command(audit, () => import('./package/audit.js')),
    command(repair, () => import('./package/repair.js')),
  ],
  'In the shell': [command(completion, () => import('./completion/completion.js'))],
};

export const commands: readonly Command[] = Object.values(chapters).flat();

/** The command that these words begin with, and the words after its name. */
export function findCommand(words: readonly string[]): {command: Command; words: string[]} | undefined {
  for (const one of commands) {
    const name = nameOf(one).split(' ');
    if (name.every((word, i) => word === words[i])) return {command: one, words: words.slice(name.length)};
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
