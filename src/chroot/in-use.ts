/*
 * What uses a bundle: a process that runs one of its programs, recognized by the device and inode of /proc/PID/exe and
 * of its mappings (whatever their names), and an entry of the outer table that names one. The private tables of current
 * runs need not be checked: such a run is itself a process that executes an emulator.
 */
import {type BigIntStats, readdirSync, readFileSync, statSync} from 'node:fs';
import {findBinfmtMount} from '../binfmt/mount.js';
import {readTable} from '../binfmt/registry.js';
import type {Manifest} from '../bundle/manifest.js';
import {ElfError, printable} from '../errors.js';
import type {Root} from '../loader/root.js';

/** Describe each visible use of a bundle. */
export function findUses(root: Root, manifest: Manifest): readonly string[] {
  const paths = manifest.programs.flatMap(({path}) => [path, root.hostPath(path)]);
  return [...findProcesses(root, manifest), ...entriesNaming(paths)];
}

/** Say which processes run a program of a bundle. */
export function findProcesses(root: Root, {files}: Manifest): readonly string[] {
  return processesRunning(
    files.flatMap(({path}) => {
      const there = root.lookUp(path);
      return there.found ? [identityIn(there.stats)] : [];
    }),
  );
}

/** @throws ElfError BUSY when there are uses */
export function refuseUses(root: Root, {prefix}: Manifest, [use, ...others]: readonly string[]): void {
  if (use === undefined) return;
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  throw new ElfError('BUSY', `the bundle is in use: ${use}${more}`, {path: root.hostPath(prefix)});
}

function processesRunning(files: readonly string[]): readonly string[] {
  const identities = new Set(files);
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const used = [...identityOf(`/proc/${pid}/exe`), ...mappedBy(pid)].find((identity) =>
      identities.has(identity),
    );
    return used === undefined ? [] : [`process ${pid} (${commandOf(pid)}) runs it`];
  });
}

function identityOf(path: string): string[] {
  try {
    return [identityIn(statSync(path, {bigint: true}))];
  } catch {
    return [];
  }
}

function identityIn({dev, ino}: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`;
}

/** The files that a process has mapped (proc(5), maps): device as MAJOR:MINOR in hexadecimal, then the inode. */
function mappedBy(pid: string): string[] {
  const identities = new Set<string>();
  for (const line of read(`/proc/${pid}/maps`).split('\n')) {
    const [, major, minor, inode] = /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)/.exec(line) ?? [];
    if (inode === undefined || inode === '0') continue;
    identities.add(
      `${deviceNumber(Number.parseInt(major ?? '', 16), Number.parseInt(minor ?? '', 16))}:${inode}`,
    );
  }
  return [...identities];
}

/** As stat(2) has it, makedev(3). */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xffff_f000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffff_ff00n) << 12n) | (low & 0xffn)
  );
}

function entriesNaming(paths: readonly string[]): readonly string[] {
  const table = findBinfmtMount(read('/proc/self/mountinfo'));
  if (table === undefined) return [];
  try {
    return readTable(table)
      .entries.filter(({registration: {interpreter}}) => paths.includes(interpreter))
      .map(({registration: {name}}) => `it is registered in ${table} as ${printable(name)}`);
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

function commandOf(pid: string): string {
  return printable(read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 80));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
