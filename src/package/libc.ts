/*
 * Which system a file was linked for, judging by what it asks for. Node.js runs on three Linux-like C libraries, and a
 * file for one of them does not load with another, whatever its name says.
 */
import {ET} from '../elf/constants.js';
import {machineOf} from '../elf/machine.js';
import {readNotes} from '../elf/notes.js';
import {osAbiName} from '../elf/os-abi.js';
import type {WantedVersions} from '../elf/version-names.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {npmCpu} from './platforms.js';

/** `none`: it needs no C library, being static or free of any. */
export type PackageLibc = 'glibc' | 'musl' | 'bionic' | 'none';

/** What a file was made for, in the words of package.json where it has them. */
export interface Target {
  /** `process.platform`: linux, android, freebsd, ... */
  readonly os: string;
  /** `process.arch`: x64, arm64, arm, ... */
  readonly cpu: string;
  readonly libc: PackageLibc;
  /** The machine's usual name: x86_64, aarch64, ... */
  readonly machine: string;
}

/** Tell a file's target. @throws ElfError when its headers or its dynamic section cannot be read */
export function targetOf(view: ElfView, versions: readonly WantedVersions[]): Target {
  const {name: machine} = machineOf(view);
  const libc = libcOf(view, versions);
  return {
    os: osOf(view, libc),
    cpu: npmCpu(machine, view.format.elfClass, view.format.littleEndian),
    libc,
    machine,
  };
}

function libcOf(view: ElfView, versions: readonly WantedVersions[]): PackageLibc {
  const interpreter = interpreterOf(view) ?? '';
  const needed = view.dynamic?.needed ?? [];
  const wanted = versions.flatMap((one) => (isLibgcc(one.library) ? [] : one.versions));
  const isBionic =
    /^\/system\/bin\/linker/.test(interpreter) ||
    wanted.includes('LIBC') ||
    needed.some((name) => /^lib(log|android)\.so$/.test(name)) ||
    hasAndroidNote(view);
  if (isBionic) return 'bionic';
  if (/\/ld-musl-/.test(interpreter) || needed.some((name) => /^libc\.musl-|^ld-musl-/.test(name)))
    return 'musl';
  const isGlibc =
    needed.some((name) => name === 'libc.so.6' || /^ld-linux|^ld64\.so/.test(name)) ||
    wanted.some((version) => version.startsWith('GLIBC_')) ||
    /\/ld-linux|\/ld64\.so|\/ld\.so\.1$/.test(interpreter);
  if (isGlibc) return 'glibc';
  // musl's own name for itself, where no distribution has renamed it.
  return needed.includes('libc.so') ? 'musl' : 'none';
}

/**
 * libgcc_s defines a few symbols under glibc's oldest version, because they were glibc's once (libgcc-glibc.ver of GCC):
 * files for musl ask for GLIBC_2.0 of it, too.
 */
export function isLibgcc(library: string): boolean {
  return library.startsWith('libgcc_s');
}

function osOf(view: ElfView, libc: PackageLibc): string {
  if (libc === 'bionic') return 'android';
  const systems: Readonly<Record<string, string>> = {
    FreeBSD: 'freebsd',
    OpenBSD: 'openbsd',
    NetBSD: 'netbsd',
    Solaris: 'sunos',
  };
  return systems[osAbiName(view.ident.EI_OSABI)] ?? bsdOf(interpreterOf(view) ?? '') ?? 'linux';
}

/** OpenBSD and NetBSD leave EI_OSABI at 0. */
function bsdOf(interpreter: string): string | undefined {
  if (interpreter === '/usr/libexec/ld.so') return 'openbsd';
  return interpreter === '/libexec/ld.elf_so' || interpreter === '/usr/libexec/ld.elf_so'
    ? 'netbsd'
    : undefined;
}

/** A damaged PT_INTERP is for `checkElf` to report. */
function interpreterOf(view: ElfView): string | undefined {
  try {
    return view.interpreter?.path;
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

function hasAndroidNote(view: ElfView): boolean {
  try {
    return view.header.e_type === ET.ET_DYN && readNotes(view).some(({name}) => name === 'Android');
  } catch (error) {
    if (error instanceof ElfError) return false;
    throw error;
  }
}
