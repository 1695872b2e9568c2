/*
 * What is wrong with one file of a package, in sentences.
 */
import {basename, dirname} from 'node:path';
import {relativeElements} from '../elf/search-path.js';
import {standardLoader} from '../loader/standard-loader.js';
import type {FileAudit} from './file-audit.js';
import type {PackageFinding, PackageFindingCode, Severity} from './finding.js';
import type {Family, Floor} from './floor.js';
import {nodeExports} from './platforms.js';
import type {Rules} from './policy.js';
import {compareVersions} from './version-numbers.js';

/** What a person calls a family, as in "glibc 2.34" or "libstdc++ GLIBCXX_3.4.30". */
export function floorName({family, version}: Pick<Floor, 'family' | 'version'>): string {
  return `${familyNames[family]}${version}`;
}

const familyNames: Readonly<Record<Family, string>> = {
  glibc: 'glibc ',
  musl: 'musl ',
  glibcxx: 'libstdc++ GLIBCXX_',
  cxxabi: 'libstdc++ CXXABI_',
  gcc: 'libgcc GCC_',
};

/** Everything about a file that an author should know. */
export function findingsOf(
  file: FileAudit,
  rules: Rules,
  versionProblems: readonly string[],
): PackageFinding[] {
  const say = (code: PackageFindingCode, severity: Severity, message: string): PackageFinding => ({
    code,
    severity,
    file: file.path,
    message,
  });
  return [
    ...file.unreadable.map((message) => say('bad-elf', 'error', message)),
    ...limitFindings(file, rules).map((message) => say('above-limit', 'error', message)),
    ...versionProblems.map((message) => say('missing-version', 'error', message)),
    ...versionFindings(file, say),
    ...requestFindings(file, rules, say),
    ...pathFindings(file, rules, say),
    ...hardeningFindings(file, say),
    ...nameFindings(file).map((message) => say('name-contradicts', 'error', message)),
  ];
}

type Say = (code: PackageFindingCode, severity: Severity, message: string) => PackageFinding;

function limitFindings({floors}: FileAudit, {limits}: Rules): string[] {
  return floors.flatMap((floor) => {
    const limit = limits[floor.family];
    if (limit === undefined || compareVersions(floor.version, limit) <= 0) return [];
    return [`needs ${floorName(floor)}, but the limit is ${limit}: ${raisers(floor, limit)}`];
  });
}

/** The symbols that need more than a limit; a few tell where to look. */
function raisers({versions}: Floor, limit: string): string {
  const above = versions.filter(({version}) => compareVersions(version, limit) > 0);
  const shown = above
    .flatMap(({symbols, version}) => symbols.map((symbol) => `${symbol} (${version})`))
    .slice(0, 5);
  const count = above.reduce((sum, version) => sum + version.count, 0);
  if (shown.length === 0) return 'no symbol uses that version, but the file requires it';
  return `${shown.join(', ')}${count > shown.length ? ` and ${count - shown.length} more` : ''}`;
}

function versionFindings({unknownVersions}: FileAudit, say: Say): PackageFinding[] {
  return unknownVersions.map((version) =>
    version === 'GLIBC_PRIVATE'
      ? say(
          'private-symbols',
          'error',
          'uses private symbols of glibc (GLIBC_PRIVATE), which change with each release',
        )
      : say('unknown-version', 'warning', `requires ${version}, which elfinterp does not know`),
  );
}

function requestFindings({requests, path: file}: FileAudit, rules: Rules, say: Say): PackageFinding[] {
  const shadowed = requests.filter(
    ({name, from}) => from !== 'platform' && nodeExports.test(name) && file.endsWith('.node'),
  );
  const notes = shadowed.map(({name}) =>
    say(
      'node-symbols',
      'note',
      `uses ${name}, but Node.js exports the symbols of its own copy, which take precedence`,
    ),
  );
  const findings = requests.flatMap((request) => {
    const {name, from, path, throughLink, byPath} = request;
    if (isRelative(request))
      return [
        say('current-directory', 'error', `needs ${name}, which is loaded from the user's current directory`),
      ];
    if (from === 'outside') return [say('outside-library', 'error', outsideWords(name, path))];
    if (from === 'other-package')
      return [say('other-package', 'note', `takes ${name} from another package, at ${path}`)];
    if (byPath !== undefined && !rules.isAllowedPath(dirname(byPath)))
      return [
        say(
          'build-path',
          'error',
          `finds ${basename(byPath)} only at ${byPath}, a path of the build machine`,
        ),
      ];
    if (throughLink)
      return [
        say('link-not-packed', 'error', `finds ${name} through a symbolic link, which npm does not pack`),
      ];
    return [];
  });
  return [...findings, ...notes];
}

/** A relative path, unless the system has the library or a packed program has it inside. */
function isRelative({name, from, byPath}: FileAudit['requests'][number]): boolean {
  const isAnswered = from === 'platform' || (from === 'package' && byPath === undefined);
  return !isAnswered && /^[^$/].*\//.test(name);
}

/** What to say of a library that comes from outside. */
export function outsideWords(name: string, path: string | undefined): string {
  const where = path === undefined ? '' : ` (searched at ${path})`;
  return `needs ${name}, which is neither in the package nor part of every system${where}`;
}

function pathFindings(file: FileAudit, rules: Rules, say: Say): PackageFinding[] {
  const {rpath, runpath, interpreter, target} = file;
  const findings: PackageFinding[] = [];
  const tag = runpath === undefined ? 'RPATH' : 'RUNPATH';
  const path = runpath ?? rpath ?? '';
  const relative = new Set(relativeElements(path));
  // musl's loader ignores empty elements.
  if (target.libc === 'musl') relative.delete('');
  for (const element of new Set(path.split(':'))) {
    if (relative.has(element))
      findings.push(
        say(
          'current-directory',
          'error',
          `${tag} has ${element === '' ? 'an empty element' : `the relative path ${element}`}: libraries are loaded from the user's current directory`,
        ),
      );
    else if (element.startsWith('/') && !rules.isAllowedPath(element))
      findings.push(say('build-path', 'warning', `${tag} names ${element}, a path of the build machine`));
  }
  const usual = target.libc === 'glibc' || target.libc === 'musl' ? target.libc : undefined;
  if (interpreter !== undefined && usual !== undefined && !isStandard(interpreter))
    findings.push(
      say('build-interpreter', 'error', `asks for the loader ${interpreter}, which no other system has`),
    );
  return findings;
}

const machines = [2, 3, 4, 8, 15, 20, 21, 22, 40, 42, 43, 62, 183, 243, 258];

const standardLoaders: ReadonlySet<string> = new Set(
  machines.flatMap((e_machine) =>
    ([32, 64] as const).flatMap((elfClass) =>
      [true, false].flatMap((littleEndian) =>
        [0, 1, 2, 3, 4, 5, 6, 7, 0x20, 0x200, 0x400, 0x420].flatMap((e_flags) =>
          (['glibc', 'musl'] as const).map(
            (libc) => standardLoader(libc, {e_machine, elfClass, littleEndian, e_flags}) ?? '',
          ),
        ),
      ),
    ),
  ),
);

/** Distributions link /lib and /lib64 in different ways, so the directory may be either. */
function isStandard(interpreter: string): boolean {
  return (
    standardLoaders.has(interpreter) ||
    standardLoaders.has(interpreter.replace(/^\/(usr\/)?lib(64)?\//, '/lib/'))
  );
}

function hardeningFindings({hardening, kind, pageSize, target}: FileAudit, say: Say): PackageFinding[] {
  const findings: PackageFinding[] = [];
  if (hardening?.executableStack)
    findings.push(
      say(
        'executable-stack',
        'error',
        'requests an executable stack, which glibc 2.41 refuses for libraries and SELinux for all files',
      ),
    );
  if (hardening?.textRelocations)
    findings.push(
      say(
        'text-relocations',
        'error',
        'has text relocations; SELinux can refuse to load it, and with musl such a program crashes',
      ),
    );
  if (hardening?.writableCode)
    findings.push(say('writable-code', 'warning', 'has a segment that is writable and executable'));
  if (hardening?.relro === 'none' && !kind.startsWith('static'))
    findings.push(say('no-relro', 'note', 'was linked without RELRO (-z relro)'));
  if (pageSize !== undefined && pageSize < 0x10000 && target.cpu === 'arm64') {
    const examples =
      pageSize < 0x4000 ? '64 KiB on RHEL 8, 16 KiB on Raspberry Pi 5 and Asahi' : '64 KiB on RHEL 8';
    findings.push(
      say(
        'page-size',
        'warning',
        `is aligned for pages of ${pageSize / 1024} KiB, so kernels with larger pages (${examples}) cannot load it`,
      ),
    );
  }
  return findings;
}

/**
 * Names by which loaders of addons choose a file: prebuildify's `linux-arm64/addon.musl.node` and napi-rs's
 * `addon.linux-x64-gnu.node`. A file that is something else is still chosen, and fails.
 */
function nameFindings({path, target}: FileAudit): string[] {
  const [, os, cpu] =
    /(?:^|[/._-])(linux|android|freebsd|openbsd|darwin|win32)-(x64|ia32|arm64|arm|armv7l?|ppc64|s390x|riscv64|loong64|mips64el)(?=[/._-]|$)/.exec(
      path,
    ) ?? [];
  const words: string[] = [];
  if (os !== undefined && os !== target.os && !(os === 'linux' && target.libc === 'none'))
    words.push(`its name says ${os}, but it is for ${target.os}`);
  const named = cpu?.replace(/^armv7l?$/, 'arm');
  if (named !== undefined && named !== target.cpu)
    words.push(`its name says ${cpu}, but it is for ${target.cpu}`);
  const libc = /(?:^|[/._-])(musl|glibc|gnu)(?:eabi(?:hf)?)?(?=[/._-]|$)/
    .exec(path)?.[1]
    ?.replace('gnu', 'glibc');
  if (libc !== undefined && (target.libc === 'glibc' || target.libc === 'musl') && libc !== target.libc)
    words.push(`its name says ${libc}, but it is for ${target.libc}`);
  return words;
}
