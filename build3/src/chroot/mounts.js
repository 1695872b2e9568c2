/*
 * What a command in a chroot finds mounted, as lines of shell for namespace.ts. All of it happens in a private
 * mount namespace and ends with it.
 *
 * /proc first replaces the machine's own in that namespace: it shows the new pid namespace, it is free of systemd's
 * automount (which would mount binfmt_misc on the host as soon as somebody looks), and its sys/fs/binfmt_misc is
 * where the private table goes, so that the programs in the chroot see that table and no other.
 *
 * /dev is made new, with the few devices that programs need: the machine's own would offer its disks to root.
 */
import {resolve} from 'node:path';
import {ElfError, printable} from '../errors.js';
import {Root} from '../loader/root.js';
import {findTool} from './tools.js';
/** The step that older kernels refuse, as its failure names it. */
export const binfmtStep = 'mount a private binfmt_misc';
/** Where the private table is mounted, in the namespace; the chroot sees it through its own /proc. */
export const binfmtMountPoint = '/proc/sys/fs/binfmt_misc';
/**
 * Plan the mounts of a run.
 *
 * @throws ElfError NOT_FOUND when a bind mount has no source or no target
 */
export function planMounts(root, privateTable, options = {}) {
  const {proc = true, sys = true, dev = true, resolvConf = false, binds = [], terminal} = options;
  return [
    planMachineMounts(),
    privateTable && step(binfmtStep, 'mount', '-t', 'binfmt_misc', 'binfmt_misc', binfmtMountPoint),
    // So that the root directory inside is a mount point with an entry in mountinfo, for df and its like.
    attempt('mount /', 'mount', '--rbind', root.host, root.host),
    proc && within(root, '/proc', (target) => attempt('mount /proc', 'mount', '--rbind', '/proc', target)),
    sys && within(root, '/sys', (target) => attempt('mount /sys', 'mount', '--rbind', '/sys', target)),
    dev && within(root, '/dev', (target) => planDev(target, terminal)),
    resolvConf && planBind(root, {source: '/etc/resolv.conf'}),
    ...binds.map((bind) => planBind(root, bind)),
  ]
    .filter((line) => typeof line === 'string')
    .join('\n');
}
/** What a command finds that sees the machine's own files, and no chroot. */
export function planMachineMounts() {
  return attempt('mount a new /proc', 'mount', '-t', 'proc', 'proc', '/proc');
}
/** What every program may open. A file in a tmpfs is the place to mount each one on. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
function planDev(dev, terminal) {
  const at = (name) => `${dev}/${name}`;
  return [
    step('mount /dev', 'mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', dev),
    ...devices.flatMap((name) => bindDevice(`/dev/${name}`, at(name))),
    // So that ttyname(3) finds the terminal, whose own device is in the machine's devpts.
    ...(terminal === undefined ? [] : bindDevice(terminal, at('console'))),
    `mkdir -p ${quote(at('pts'))} ${quote(at('shm'))}`,
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
    attempt('mount /dev/shm', 'mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', at('shm')),
    `ln -s pts/ptmx ${quote(at('ptmx'))}`,
    `ln -s /proc/self/fd ${quote(at('fd'))}`,
    ...['stdin', 'stdout', 'stderr'].map((name, fd) => `ln -s /proc/self/fd/${fd} ${quote(at(name))}`),
  ].join('\n');
}
function bindDevice(source, target) {
  return [`: >${quote(target)}`, attempt(`mount ${target}`, 'mount', '--bind', source, target)];
}
function planBind(root, {source, target = source, readOnly = false}) {
  const from = new Root().resolve(resolve(source));
  if (!from.found)
    throw new ElfError('NOT_FOUND', 'there is nothing to mount into the chroot', {path: source});
  const to = root.resolve(target);
  if (!to.found || to.stats.isDirectory() !== from.stats.isDirectory()) {
    const kind = from.stats.isDirectory() ? 'directory' : 'file';
    const what = `no ${kind} ${printable(target)} in the chroot to mount ${printable(source)} on`;
    throw new ElfError('NOT_FOUND', what, {path: root.host});
  }
  const lines = [step(`mount ${target}`, 'mount', '--rbind', from.host, to.host)];
  if (readOnly) lines.push(step(`make ${target} read-only`, 'mount', '-o', 'remount,bind,ro', to.host));
  return lines.join('\n');
}
/**
 * Only what the chroot has a directory for, found without leaving it. In containers, debootstrap's first stage makes
 * /proc a link to /proc, which inside is a circle; its second stage puts that right.
 */
function within(root, path, plan) {
  const there = root.resolve(path);
  if (there.found && there.stats.isDirectory()) return plan(there.host);
  const isLink = !there.found && root.resolve(path, {follow: false}).found;
  return isLink ? `say ${quote(`warning ${path} is not mounted: there it is a link to nowhere`)}` : undefined;
}
function step(what, ...command) {
  return line('step', what, command);
}
function attempt(what, ...command) {
  return line('attempt', what, command);
}
function line(word, what, [tool = '', ...rest]) {
  const program = tool === 'mount' ? findTool(tool) : tool;
  return [word, ...[what, program, ...rest].map(quote)].join(' ');
}
/**
 * Quote for a shell. It reads the script by lines, and so do the readers of mountinfo.
 *
 * @throws ElfError BAD_REQUEST for a newline
 */
function quote(text) {
  if (!text.includes('\n')) return `'${text.replaceAll("'", "'\\''")}'`;
  throw new ElfError('BAD_REQUEST', 'a path with a newline cannot be mounted', {got: printable(text)});
}
//# sourceMappingURL=mounts.js.map
