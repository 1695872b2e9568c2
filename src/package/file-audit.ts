/*
 * What one ELF file of a package is and asks for.
 */

import {PT} from '../elf/constants.js';
import {describeElf, type ElfFacts} from '../elf/describe.js';
import type {ElfKind} from '../elf/kind.js';
import {machineOf} from '../elf/machine.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {type Floor, floorsOf} from './floor.js';
import {type Target, targetOf} from './libc.js';
import {androidLibraries} from './platforms.js';
import type {PackageRequest} from './requests.js';

/** One ELF file of a package. */
export interface FileAudit {
  /** Path in the package. */
  readonly path: string;
  /** Length in bytes. */
  readonly size: number;
  readonly kind: ElfKind;
  /** The kind in words: "shared library". */
  readonly kindName: string;
  readonly target: Target;
  readonly interpreter: string | undefined;
  readonly soname: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  /** What it asks of the system's libraries, glibc first. */
  readonly floors: readonly Floor[];
  /** Versions of system libraries that no table knows, as in "GLIBC_PRIVATE". */
  readonly unknownVersions: readonly string[];
  /** The libraries that it asks for, and who provides them. */
  readonly requests: readonly PackageRequest[];
  readonly hardening: ElfFacts['hardening'];
  /** The least alignment of its loadable segments, in bytes; a kernel with larger pages cannot load it. */
  readonly pageSize: number | undefined;
  readonly stripped: boolean;
  /** What could not be read, one message each. */
  readonly unreadable: readonly string[];
}

/** Look at a file. @throws ElfError when it has no header that can be read */
export function auditFile(source: FileSource, path: string, found: readonly PackageRequest[]): FileAudit {
  const view = new ElfView(source);
  const facts = describeElf(view);
  const unreadable = [...facts.unreadable];
  const attempt = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      if (!unreadable.includes(error.message)) unreadable.push(error.message);
      return otherwise;
    }
  };
  const target = attempt(() => targetOf(view, facts.versions), {
    os: 'linux',
    cpu: facts.machine,
    libc: 'none' as const,
    machine: facts.machine,
  });
  const requests = found.map((request) => onOtherSystems(request, target));
  const vendored = new Set(requests.filter(({from}) => from === 'package').map(({name}) => name));
  const {floors, unknown} = attempt(
    () => floorsOf(view, facts.versions, target.libc, (library) => vendored.has(library)),
    {floors: [], unknown: []},
  );
  return {
    path,
    size: facts.size,
    kind: facts.kind,
    kindName: facts.kindName,
    target,
    interpreter: facts.interpreter,
    soname: facts.soname,
    rpath: facts.rpath,
    runpath: facts.runpath,
    floors,
    unknownVersions: unknown,
    requests,
    hardening: facts.hardening,
    pageSize: attempt(() => leastAlignment(view), undefined),
    stripped: facts.stripped,
    unreadable,
  };
}

/** Android's libraries are known; those of the BSDs and others are not judged. */
function onOtherSystems(request: PackageRequest, {os, libc}: Target): PackageRequest {
  const isTheirs = libc === 'bionic' ? androidLibraries.test(request.name) : os !== 'linux';
  return isTheirs && request.from !== 'package' ? {...request, from: 'platform'} : request;
}

/** Segments that share a page of the largest size cannot be mapped apart. */
function leastAlignment(view: ElfView): number | undefined {
  const loads = view.segments(PT.PT_LOAD);
  if (loads.length < 2) return undefined;
  return loads.reduce((least, {p_align}) => Math.min(least, Number(p_align)), machineOf(view).maxPageSize);
}
