/*
 * What a command in a chroot finds mounted, as lines of shell for namespace.ts. All of it happens in a private
 * mount namespace and ends with it.
 *
 * A new /proc first replaces the machine's own in that namespace: it shows the new pid namespace, it is free of
 * systemd's automount (which would mount binfmt_misc on the host as soon as a process looks), and its
 * sys/fs/binfmt_misc is where the private table goes, so that the programs in the chroot see that table and no other.
 *
 * /dev is made new, with the few devices that programs need: the machine's own would offer its disks to root.
 *
 * The owner of the chroot can replace its directories by links at any moment. So no file is made by a path of the
 * chroot: /dev is filled where nobody else can reach it and then moved; a file to mount on is created in directories
 * that are held open. A mount that such a link redirects exists only in this namespace.
 */
import {closeSync, existsSync, fchmodSync, openSync} from 'node:fs';
import {posix} from 'node:path';
import {ElfError, printable, systemError} from '../errors.js';
import {type Found, Root} from '../loader/root.js';
import {type DirFd, makeWithMode, openDirectory} from '../source/dir-fd.js';
import {quoted, singleQuoted} from '../source/shell-word.js';
import {absolutePath} from '../source/working-directory.js';
import {findTool} from './tools.js';

/** A file or directory of the machine that is shown inside. */
export interface BindMount {
  /** A file or directory of the machine. */
  readonly source: string;
  /** Where it appears inside the chroot, from its root; it must exist there, except below /dev. Default: as on the machine. */
  readonly target?: string | undefined;
  /** Make it read-only; mounts below the source stay as they are. */
  readonly readOnly?: boolean | undefined;
}

/** What the chroot sees of the machine. */
export interface MountOptions {
  /** A /proc of the command's own processes. Default, as with the next two: true if the chroot has the directory. */
  readonly proc?: boolean | undefined;
  /** The machine's /sys. */
  readonly sys?: boolean | undefined;
  /** A small /dev. */
  readonly dev?: boolean | undefined;
  /** The machine's /etc/resolv.conf over the chroot's own file. Default: where the chroot's own file is empty. */
  readonly resolvConf?: boolean | undefined;
  /** The machine's /etc/hosts, in which the machine's own name is. Default: where the chroot's own file is empty. */
  readonly hosts?: boolean | undefined;
  readonly binds?: readonly BindMount[] | undefined;
}

interface PlannedMounts extends MountOptions {
  /** The terminal's device, to be the chroot's /dev/console; `own` when one is made for the command. */
  readonly terminal?: string | undefined;
}

/** The step that older kernels refuse, as its failure names it. */
export const binfmtStep = 'mount a private binfmt_misc';

/** Where the private table is mounted, in the namespace; the chroot sees it through its own /proc. */
export const binfmtMountPoint = '/proc/sys/fs/binfmt_misc';

/**
 * Plan the mounts of a run.
 *
 * @throws ElfError NOT_FOUND when a bind mount has no source or no target
 */
export function planMounts(root: Root, privateTable: boolean, options: PlannedMounts = {}): string {
  const {
    proc = true,
    sys = true,
    dev = true,
    resolvConf = hasEmpty(root, resolver),
    hosts = hasEmpty(root, hostNames),
    binds = [],
    terminal,
  } = options;
  const ownDev = root.resolve('/dev');
  const isCovered = binds.some((bind) => placesOf(bind).target === '/dev');
  const isNew = dev && !isCovered && ownDev.found && ownDev.stats.isDirectory();
  const inDev = binds.filter((bind) => isNew && placesOf(bind).target.startsWith('/dev/'));
  const others = binds.filter((bind) => !inDev.includes(bind));
  return [
    planMachineMounts(),
    privateTable && planPrivateTable(),
    // So that the root directory inside is a mount point with an entry in mountinfo, for df and its like.
    attempt('mount /', 'mount', '--rbind', root.host, root.host),
    proc && within(root, '/proc', (target) => attempt('mount /proc', 'mount', '--rbind', '/proc', target)),
    sys && within(root, '/sys', (target) => attempt('mount /sys', 'mount', '--rbind', '/sys', target)),
    dev && within(root, '/dev', (target) => planDev(target, terminal, inDev)),
    resolvConf && planOwnFile(root, resolver),
    hosts && planOwnFile(root, hostNames),
    ...others.map((bind) => planBind(root, bind)),
    warnOfMissing(root, [...(dev ? ['/dev'] : []), ...(proc ? ['/proc'] : [])]),
  ]
    .filter((line) => typeof line === 'string')
    .join('\n');
}

/** Mounts for a command that runs on the machine's own files, without a chroot. */
export function planMachineMounts(): string {
  return attempt('mount a new /proc', 'mount', '-t', 'proc', 'proc', '/proc');
}

/** An empty table of the namespace's own. */
export function planPrivateTable(): string {
  return step(binfmtStep, 'mount', '-t', 'binfmt_misc', 'binfmt_misc', binfmtMountPoint);
}

/** Devices that every program may open. Each is mounted on a file in a tmpfs. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** Where /dev may be built: directories of the kernel, out of everybody else's reach. */
const workshops = ['/proc/fs', '/sys/kernel'];

/** @param binds what else is to be in it */
function planDev(dev: string, terminal: string | undefined, binds: readonly BindMount[]): string {
  const workshop = workshops.find((path) => existsSync(path)) ?? '/proc/fs';
  const at = (name: string) => `${workshop}/${name}`;
  return [
    step('mount /dev', 'mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', workshop),
    ...devices.flatMap((name) => bindDevice(`/dev/${name}`, at(name))),
    // So that ttyname(3) finds the terminal, whose own device is in the machine's devpts.
    ...(terminal === undefined || terminal === ownTerminal ? [] : bindDevice(terminal, at('console'))),
    command('mkdir', '-p', at('pts'), at('shm')),
    attempt(
      'mount /dev/pts',
      'mount',
      '-t',
      'devpts',
      '-o',
      'newinstance,ptmxmode=0666,mode=0620',
      'devpts',
      at('pts'),
    ),
    ...(terminal === ownTerminal ? planOwnTerminal(at('pts')) : []),
    attempt('mount /dev/shm', 'mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', at('shm')),
    command('ln', '-s', 'pts/ptmx', at('ptmx')),
    command('ln', '-s', '/proc/self/fd', at('fd')),
    ...['stdin', 'stdout', 'stderr'].map((name, fd) => command('ln', '-s', `/proc/self/fd/${fd}`, at(name))),
    // All places first: where something is mounted, a path may lead through links of its owner.
    ...binds.map((bind) => makePlace(bind, workshop)),
    ...binds.map((bind) => mountBind(bind, sourceOf(placesOf(bind).source), placeInDev(bind, workshop))),
    step('mount /dev', 'mount', '--no-mtab', '--move', workshop, dev),
  ].join('\n');
}

/** Links of the new /dev, which lead to what the process has open. */
const devLinks = /^\/dev\/(fd|stdin|stdout|stderr)(?=\/|$)/;

/** @throws ElfError OUTSIDE for what is not below the new /dev */
function placeInDev(bind: BindMount, workshop: string): string {
  const {target} = placesOf(bind);
  if (devLinks.test(target)) {
    throw new ElfError('OUTSIDE', `nothing can be mounted on ${printable(target)}`, {
      expected: 'a place that is not a link of the new /dev',
    });
  }
  return posix.join(workshop, posix.relative('/dev', target));
}

/** In a directory that is new, the place to mount on is made, for everybody whatever the umask; mount(8) says if it is not. */
function makePlace(bind: BindMount, workshop: string): string {
  const place = placeInDev(bind, workshop);
  const make = sourceOf(placesOf(bind).source).stats.isDirectory()
    ? command('mkdir', '-p', place)
    : `${command('mkdir', '-p', posix.dirname(place))}; [ -e ${quote(place)} ] || : >${quote(place)}`;
  return `(umask 022; ${make}) 2>/dev/null`;
}

/** The command's own terminal (terminal.ts) is made from the chroot's devpts, so that it has a name there. */
function planOwnTerminal(pts: string): string[] {
  return [
    attempt('mount /dev/ptmx', 'mount', '--bind', `${pts}/ptmx`, '/dev/ptmx'),
    attempt('mount /dev/pts', 'mount', '--bind', pts, '/dev/pts'),
  ];
}

/** A terminal that is made for the command. */
export const ownTerminal = 'own';

function bindDevice(source: string, target: string): string[] {
  return [
    `: >${quote(target)}`,
    attempt(`mount /dev/${posix.basename(target)}`, 'mount', '--bind', source, target),
  ];
}

const resolver = '/etc/resolv.conf';
const hostNames = '/etc/hosts';

/** Whether a file is empty, as in a container image whose runtime mounts another over it. */
function hasEmpty(root: Root, path: string): boolean {
  const there = root.resolve(path);
  return there.found && there.stats.isFile() && there.stats.size === 0n && existsSync(path);
}

/** The file to mount on is created if it is missing; often it is the target of a link that a service would fill in. */
function planOwnFile(root: Root, path: string): string {
  const there = root.resolve(path);
  if (there.found) requireVisible(root, there.inside, path);
  else {
    const inside = posix.join(there.reached, ...there.rest);
    requireNewPlace(root, inside, path);
    makeFile(root, inside);
  }
  // The machine's own file is not the chroot's to change.
  return planBind(root, {source: path, readOnly: true}, attempt);
}

function makeFile(root: Root, inside: string): void {
  try {
    using top = openDirectory(root.host);
    using directory = makeDirectories(top, posix.dirname(inside));
    const fd = openSync(directory.at(posix.basename(inside)), 'wx', 0o644);
    try {
      // Whatever the umask: what is mounted on it is for everybody, and the file stays.
      fchmodSync(fd, 0o644);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw systemError(root.hostPath(inside), error, 'cannot create the file to mount on');
  }
}

/** Those that are missing are for everybody as well, and they stay. */
function makeDirectories(top: DirFd, path: string): DirFd {
  let here = top.dup();
  for (const name of path.split('/').filter((part) => part !== '')) {
    using above = here;
    const there = above.directory(name);
    here = there ?? makeWithMode(above, name, 0o755);
  }
  return here;
}

/** `missing/../way/file` leads on through `way`, which was not looked at: it may be a link out of the chroot. */
function requireNewPlace(root: Root, place: string, path: string): void {
  const there = root.resolve(place);
  const isNew = !there.found && there.code === 'ENOENT' && posix.join(there.reached, ...there.rest) === place;
  if (!isNew) throw noPlace(root, place, path);
  requireVisible(root, place, path);
}

/** At mount time these are no longer the directories that were checked, and /proc/self/root leads out of any root. */
function requireVisible(root: Root, place: string, path: string): void {
  if (/^\/(proc|sys|dev)(\/|$)/.test(place)) throw noPlace(root, place, path);
}

function noPlace(root: Root, place: string, path: string): ElfError {
  return new ElfError(
    'OUTSIDE',
    `${path} of the chroot is a symbolic link to a place where no file can be created`,
    {
      path: root.host,
      got: printable(place),
    },
  );
}

/**
 * The absolute source and target of a bind mount. A relative target starts at the root of the chroot: this machine's
 * working directory means nothing there.
 *
 * @throws ElfError BAD_REQUEST for an empty path, which would be the working directory, or the whole chroot
 */
export function placesOf({source, target}: BindMount) {
  if (source === '' || target === '') {
    throw new ElfError('BAD_REQUEST', 'a bind mount has an empty path', {
      expected: 'a file or directory of the machine, and a place inside',
      got: printable(`${source}:${target ?? ''}`),
    });
  }
  const from = absolutePath(source);
  return {source: from, target: posix.resolve('/', target ?? from)};
}

/** @param makeReadOnly `step` or `attempt`: whether a bind mount that stays writable is an error or a warning */
function planBind(root: Root, bind: BindMount, makeReadOnly = step): string {
  const {source, target} = placesOf(bind);
  const from = sourceOf(source);
  const to = root.resolve(target);
  if (!to.found || to.stats.isDirectory() !== from.stats.isDirectory()) {
    const kind = from.stats.isDirectory() ? 'directory' : 'file';
    throw new ElfError('NOT_FOUND', `there is no ${kind} in the chroot to mount ${printable(source)} on`, {
      path: root.hostPath(target),
    });
  }
  if (to.inside === '/' || to.inside.startsWith('/proc/')) {
    const expected =
      to.inside === '/' ? "a place below the chroot's root directory" : 'a place outside /proc';
    throw new ElfError('OUTSIDE', `nothing can be mounted on ${printable(target)}`, {
      path: root.host,
      expected,
      got: printable(to.inside),
    });
  }
  return mountBind(bind, from, to.host, makeReadOnly);
}

function mountBind(bind: BindMount, from: Found, place: string, makeReadOnly = step): string {
  const {target} = placesOf(bind);
  const lines = [step(`mount ${target}`, 'mount', '--rbind', from.host, place)];
  if (bind.readOnly)
    lines.push(makeReadOnly(`make ${target} read-only`, 'mount', '-o', 'remount,bind,ro', place));
  return lines.join('\n');
}

function sourceOf(path: string): Found {
  const source = new Root().resolve(path);
  if (source.found) return source;
  throw new ElfError('NOT_FOUND', 'the file or directory to mount does not exist', {path});
}

/**
 * Plan a mount only if the chroot has the directory, found without leaving it. In containers, debootstrap's first stage
 * makes /proc a link to /proc, which is a loop inside; its second stage fixes that.
 */
function within(root: Root, path: string, plan: (target: string) => string): string | undefined {
  const there = root.resolve(path);
  if (there.found && there.stats.isDirectory()) return plan(there.host);
  const isLink = !there.found && root.resolve(path, {follow: false}).found;
  return isLink
    ? `say ${quote(`warning ${path} is not mounted: it is a dangling symbolic link`)}`
    : undefined;
}

/** A bundle has no directories but its own, and nothing is put into it. */
function warnOfMissing(root: Root, paths: readonly string[]): string | undefined {
  const missing = paths.filter((path) => !root.resolve(path, {follow: false}).found);
  if (missing.length === 0) return undefined;
  const directories = missing.map((path) => quoted(root.hostPath(path))).join(' ');
  const what = `the chroot has no ${missing.join(' and no ')}, so nothing is mounted there (mkdir ${directories})`;
  return `say ${quote(`warning ${what}`)}`;
}

function step(what: string, ...command: readonly string[]): string {
  return line('step', what, command);
}

function attempt(what: string, ...command: readonly string[]): string {
  return line('attempt', what, command);
}

function line(word: string, what: string, [tool = '', ...rest]: readonly string[]): string {
  const program = tool === 'mount' ? findTool(tool) : tool;
  return [word, ...[what, program, ...rest].map(quote)].join(' ');
}

/** By its path: the PATH in the environment is the command's, who may need none of this machine's directories. */
function command(tool: 'ln' | 'mkdir', ...rest: readonly string[]): string {
  return [findTool(tool), ...rest].map(quote).join(' ');
}

/**
 * Quote for a shell. It reads the script line by line, as programs read mountinfo.
 *
 * @throws ElfError BAD_REQUEST for a newline
 */
function quote(text: string): string {
  if (!text.includes('\n')) return singleQuoted(text);
  throw new ElfError('BAD_REQUEST', 'cannot mount a path that contains a newline', {got: printable(text)});
}
