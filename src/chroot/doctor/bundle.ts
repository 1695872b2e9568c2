/*
 * The emulator in the chroot: is it whole, of one build, closed, isolated, and for this machine?
 */
import {lstatSync} from 'node:fs';
import {isNativeTarget, type QemuTarget, targetOfFile} from '../../binfmt/targets.js';
import type {Manifest} from '../../bundle/manifest.js';
import {openElfSource} from '../../elf/open.js';
import {ElfError} from '../../errors.js';
import {findOwn, openOwn} from '../../loader/inside.js';
import type {Root} from '../../loader/root.js';
import {libraryText} from '../../source/byte-string.js';
import {quoted} from '../../source/shell-word.js';
import {isElfMagic} from '../../source/source.js';
import type {Architecture} from '../architecture.js';
import {findOwnEmulator, lookForHostEmulator} from '../find-emulator.js';
import {type BundlePlace, findManifest} from '../manifest.js';
import {readHead} from '../program.js';
import {type BundleProblem, verifyBundle} from '../verify.js';
import {broken, doubtful, type Finding, type FindingCode, fine} from './finding.js';

interface EmulatorReport {
  readonly findings: readonly Finding[];
  /** Whether `chroot run` has an emulator to register for the chroot's programs, in it or on this machine. */
  readonly hasEmulator: boolean;
}

export function examineEmulator(
  root: Root,
  architecture: Architecture | undefined,
  place: BundlePlace,
): EmulatorReport {
  const targets = architecture === undefined || architecture.isNative ? [] : architecture.targets;
  try {
    const manifest = findManifest(root, place)?.manifest;
    const serves = manifest?.programs.find(({qemuTarget}) => targets.some(({name}) => name === qemuTarget));
    const own = findOwnEmulator(root, targets);
    return {
      hasEmulator: serves !== undefined || own !== undefined || lookForHostEmulator(targets) !== undefined,
      findings: [
        ...(manifest === undefined ? [] : examineBundle(root, manifest, place)),
        ...(targets.length === 0 ? [] : [presence(targets, serves?.path, own?.path, manifest)]),
      ],
    };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return {hasEmulator: false, findings: [unusable(root, error, place)]};
  }
}

function presence(
  targets: readonly QemuTarget[],
  bundled: string | undefined,
  own: string | undefined,
  manifest: Manifest | undefined,
): Finding {
  const names = targets.map(({name}) => name).join(' or ');
  if (bundled !== undefined)
    return fine('EMULATOR', `the chroot has a bundled emulator for ${names}`, bundled);
  if (own !== undefined) return fine('EMULATOR', `the chroot has its own emulator for ${names}`, own);
  const ofMachine = lookForHostEmulator(targets);
  if (ofMachine !== undefined)
    return fine('EMULATOR', `chroot run uses this machine's emulator for ${names}`, ofMachine);
  const evidence =
    manifest === undefined
      ? 'none in the chroot, none in PATH'
      : `none in PATH; the bundle contains ${manifest.programs.map(({path}) => path).join(', ')}`;
  const what = `there is no emulator for ${names}: "Exec format error"`;
  const remedy = 'apt-get install --no-install-recommends qemu-user, or elfinterp chroot run --emulator FILE';
  return broken('NO_EMULATOR', what, evidence, remedy);
}

/** Links of the system itself (usr merge) stay: the default prefix goes through none of them. */
const systemLinks = /^\/(bin|sbin|lib|lib32|lib64|libx32|libo32|var|run|tmp|etc|usr|home)$/;

/**
 * Why a bundle is unusable: there is none where one was asked for, a link is in its place, or its manifest lists what
 * it must not.
 */
function unusable(root: Root, error: ElfError, {prefix}: BundlePlace): Finding {
  if (error.code === 'NOT_FOUND' && prefix !== undefined) {
    const what = 'there is no bundle under the prefix that was given';
    const remedy = `elfinterp chroot install ${quoted(root.host)} --prefix ${quoted(prefix)}, or another --prefix`;
    return broken('BUNDLE_UNUSABLE', what, error.message, remedy);
  }
  if (error.code !== 'OUTSIDE' && error.code !== 'BAD_MANIFEST')
    return broken('BUNDLE_UNUSABLE', 'the bundle cannot be read', error.message);
  const isLink = error.code === 'OUTSIDE' && error.path === root.host;
  const link = isLink ? /^(\/[^/ ]+)/.exec(error.message.slice(root.host.length + 2))?.[1] : undefined;
  const again = `elfinterp chroot install ${quoted(root.host)}`;
  const file = link === undefined ? error.path : `${root.host}${link}`;
  const remedy =
    link !== undefined && systemLinks.test(link) ? again : `rm ${quoted(file ?? '')} && ${again}`;
  return broken(
    'BUNDLE_UNUSABLE',
    'the bundle is not used, because its files were changed',
    error.message,
    remedy,
  );
}

function examineBundle(root: Root, manifest: Manifest, place: BundlePlace): readonly Finding[] {
  const again = `elfinterp chroot install ${quoted(root.host)}`;
  const {problems, isolated} = verifyBundle(root.host, {...place, prefix: manifest.prefix});
  const findings = [
    ...problems.map((problem) => problemFinding(problem, root, again)),
    ...manifest.programs.flatMap(({path}) => examineProgram(root, path, again)),
    ...examineBuilds(root, manifest, again),
  ];
  if (isolated === false) {
    const what =
      "the bundled loader reads the guest's LD_* variables: LD_PRELOAD prints errors, ldd lists the wrong libraries";
    findings.push(doubtful('NOT_ISOLATED', what, `${manifest.libs}/ld.so is not isolated`, again));
  }
  return findings;
}

const codes: Readonly<Record<BundleProblem['code'], FindingCode>> = {
  MISSING: 'FILE_MISSING',
  CHANGED: 'FILE_CHANGED',
  EXTRA: 'FILE_EXTRA',
  NOT_CLOSED: 'NOT_CLOSED',
};

function problemFinding({code, path, message}: BundleProblem, root: Root, again: string): Finding {
  if (code === 'EXTRA') {
    const what =
      'the library directory contains a file that is not part of the bundle, and the loader would find it';
    return doubtful('FILE_EXTRA', what, path, `rm ${quoted(root.hostPath(path))}`);
  }
  return broken(codes[code], `the bundle is incomplete: ${message}`, path, again);
}

function examineProgram(root: Root, path: string, again: string): readonly Finding[] {
  const host = findOwn(root, path);
  if (host === undefined) return [];
  const findings: Finding[] = [];
  const {mode} = lstatSync(host);
  if ((mode & 0o111) === 0) {
    const what = 'the emulator is not executable: "Permission denied"';
    findings.push(broken('NOT_EXECUTABLE', what, `${path} has mode ${(mode & 0o7777).toString(8)}`, again));
  }
  const head = readHead(root, path);
  const target = head !== undefined && isElfMagic(head) ? targetOfFile(head) : undefined;
  if (target !== undefined && !isNativeTarget(target)) {
    const what = `the emulator is itself a program for ${target.name}: "Exec format error"`;
    findings.push(broken('WRONG_MACHINE', what, `the ELF header of ${path}`, again));
  }
  return [...findings, ...examineSearchPath(root, path, again)];
}

/** DT_RUNPATH does not apply to the dependencies of libraries. */
function examineSearchPath(root: Root, path: string, again: string): readonly Finding[] {
  try {
    const source = openOwn(root, path);
    if (source === undefined) return [];
    const file = openElfSource(source);
    try {
      const runpath = file.view.dynamic?.runpath;
      if (runpath === undefined) return [];
      const what =
        'the emulator has a RUNPATH, which does not apply to the libraries of its libraries and which LD_LIBRARY_PATH overrides';
      return [doubtful('RUNPATH', what, `${path}: RUNPATH ${runpath}`, again)];
    } finally {
      void file.close();
    }
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** glibc's loader and its libc.so.6 share private symbols, so both must be from the same build. */
function examineBuilds(root: Root, {files}: Manifest, again: string): readonly Finding[] {
  const loader = files.find(({role}) => role === 'loader')?.path;
  const libc = files.find(({path}) => path.endsWith('/libc.so.6'))?.path;
  if (loader === undefined || libc === undefined) return [];
  const [a, b] = [buildOf(root, loader), buildOf(root, libc)];
  if (a === undefined || b === undefined || a === b) return [];
  const what = 'loader and libc are from different builds: "symbol lookup error", GLIBC_PRIVATE';
  return [broken('DIFFERENT_BUILDS', what, `${loader} is ${a}, ${libc} is ${b}`, again)];
}

/** The build, as both files state it: "(Debian GLIBC 2.36-9+deb12u10) stable release version 2.36". */
function buildOf(root: Root, path: string): string | undefined {
  const source = openOwn(root, path);
  if (source === undefined) return undefined;
  try {
    return /\(([^()]{0,80}(?:GLIBC|GNU libc)[^()]{0,80})\) (?:stable|development) release version [\d.]+/.exec(
      libraryText(source),
    )?.[1];
  } finally {
    source.close();
  }
}
