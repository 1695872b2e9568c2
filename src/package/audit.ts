/*
 * Audit a package: find its ELF files, resolve what they ask for, work out what that means.
 */
import {mkdirSync, mkdtempSync, realpathSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join, relative} from 'node:path';
import {ElfError, inWords, systemError} from '../errors.js';
import {Root} from '../loader/root.js';
import {type DirFd, openDirectory} from '../source/dir-fd.js';
import type {OnProgress} from '../source/progress.js';
import {isPrivate} from '../write/own-directory.js';
import {identityPattern, ownIdentity} from '../write/process-identity.js';
import {removeTree} from '../write/remove-tree.js';
import {auditFile, type FileAudit} from './file-audit.js';
import {findingsOf} from './file-findings.js';
import type {PackageFinding} from './finding.js';
import {type Floor, joinFloors} from './floor.js';
import type {PackageLibc} from './libc.js';
import {findPackageFiles, type PackageFiles, singleFile} from './package-files.js';
import {packageFindings} from './package-findings.js';
import type {PackageFields} from './package-json.js';
import type {Limits} from './platforms.js';
import {type Policy, type Rules, rulesOf} from './policy.js';
import {isGone, isOnlyOursToName} from './repair/staging.js';
import {findRequests} from './requests.js';
import {type RunsOn, runsOn} from './runs-on.js';
import {isTarball, unpackPackage} from './unpack.js';

/** How a package is judged. */
export interface AuditOptions {
  /** What it may ask of the system. */
  readonly policy?: Policy | undefined;
  /** Limits that override the policy's, as in `{glibc: '2.28'}`. */
  readonly limits?: Limits | undefined;
  /** Told which file is being looked at. */
  readonly onProgress?: OnProgress | undefined;
}

/** The files of one machine and C library together. */
export interface TargetAudit {
  readonly os: string;
  readonly cpu: string;
  readonly libc: PackageLibc;
  readonly files: number;
  readonly floors: readonly Floor[];
  /** Undefined if no C library is needed, or no distribution with it is known. */
  readonly runsOn: RunsOn | undefined;
}

/** What was found in a package. */
export interface PackageAudit {
  /** What was audited, as it was named. */
  readonly source: string;
  readonly fields: PackageFields | undefined;
  readonly files: readonly FileAudit[];
  readonly targets: readonly TargetAudit[];
  readonly findings: readonly PackageFinding[];
}

/**
 * Audit an npm package: a directory, a tarball as `npm pack` makes it, or a single ELF file. Nothing is run, nothing is
 * written, and this machine's own libraries are ignored.
 *
 * @throws ElfError FILE_SYSTEM, BAD_PACKAGE, NOT_ELF, BAD_REQUEST for a policy that is not one
 * @example
 *   const {targets, findings} = await auditPackage('./my-addon-1.0.0.tgz', {limits: {glibc: '2.28'}});
 *   for (const {cpu, libc, runsOn} of targets) console.log(cpu, libc, runsOn?.oldest.join(', '));
 *   for (const {severity, file, message} of findings) console.log(severity, file, message);
 */
export async function auditPackage(source: string, options: AuditOptions = {}): Promise<PackageAudit> {
  const rules = rulesOf(options.policy, options.limits);
  const stats = statsOf(source);
  if (stats.isDirectory()) return auditFiles(source, findPackageFiles(source), rules, options);
  if (!stats.isFile())
    throw new ElfError('NOT_A_FILE', 'neither a package directory, a tarball nor a file', {path: source});
  if (!isTarball(source)) return auditSingle(source, rules, options);
  return auditTarball(source, rules, options);
}

function statsOf(path: string) {
  try {
    return statSync(path);
  } catch (error) {
    throw systemError(path, error);
  }
}

/** A file that was named must be ELF. */
function auditSingle(source: string, rules: Rules, options: AuditOptions): PackageAudit {
  return auditFiles(source, singleFile(source), rules, options, {isNamed: true});
}

async function auditTarball(source: string, rules: Rules, options: AuditOptions): Promise<PackageAudit> {
  clearScratch();
  const scratch = inWords(tmpdir(), () =>
    mkdtempSync(join(realpathSync(tmpdir()), `${scratchPrefix}${ownIdentity()}-`)),
  );
  try {
    // Deep enough for a search path that leads to the package beside this one.
    const directory = join(scratch, 'node_modules', 'scope', 'package');
    mkdirSync(directory, {recursive: true, mode: 0o700});
    await unpackPackage(source, directory);
    const audit = auditFiles(source, findPackageFiles(directory, {isPacked: true}), rules, options);
    return withoutScratch(audit, directory);
  } catch (error) {
    throw error instanceof ElfError && error.path?.startsWith(scratch) ? error.at(source) : error;
  } finally {
    rmSync(scratch, {recursive: true, force: true});
  }
}

const scratchPrefix = 'elfinterp-audit-';
const scratchName = new RegExp(`^${scratchPrefix}(${identityPattern})-\\w{6}$`);

/** Remove what killed audits had unpacked, if possible; errors do not matter. */
function clearScratch(): void {
  try {
    using directory = openDirectory(realpathSync(tmpdir()));
    if (!isOnlyOursToName(directory)) return;
    for (const name of directory.names()) {
      const maker = scratchName.exec(name)?.[1];
      if (maker !== undefined && isGone(directory, name, maker) && isScratch(directory, name))
        removeTree(directory, name);
    }
  } catch {
    // The audit works without this.
  }
}

function isScratch(parent: DirFd, name: string): boolean {
  using directory = parent.directory(name);
  if (directory === undefined || !isPrivate(directory.stats)) return false;
  return directory.names().every((one) => one === 'node_modules');
}

/** Hide where a tarball was unpacked: paths start at the package. */
function withoutScratch(audit: PackageAudit, directory: string): PackageAudit {
  const scope = join(directory, '..');
  const nodeModules = join(scope, '..');
  const clean = (text: string) =>
    text
      .replaceAll(`${directory}/`, '')
      .replaceAll(`${scope}/`, '../')
      .replaceAll(`${nodeModules}/`, '../../');
  const cleanPath = (path: string | undefined) => (path === undefined ? undefined : clean(path));
  return {
    ...audit,
    files: audit.files.map((file) => ({
      ...file,
      requests: file.requests.map((request) => ({...request, path: cleanPath(request.path)})),
      unreadable: file.unreadable.map(clean),
    })),
    findings: audit.findings.map((finding) => ({...finding, message: clean(finding.message)})),
  };
}

/** Audit files that are on this machine. @param root how they are reached, where that is not by their paths */
export function auditFiles(
  source: string,
  {directory, fields, elfFiles, problems}: PackageFiles,
  rules: Rules,
  {onProgress = () => {}}: AuditOptions,
  {isNamed = false, root = new Root()}: {isNamed?: boolean; root?: Root} = {},
): PackageAudit {
  const {isAllowed} = rules;
  const dependencies = new Set(fields?.dependencies.map((name) => name.slice(name.lastIndexOf('/') + 1)));
  const requestRules = {isAllowed, dependencies};
  const {requests, versionProblems} = findRequests(directory, elfFiles, requestRules, root);
  const files: FileAudit[] = [];
  const findings: PackageFinding[] = problems.map((error) =>
    bad(placeOf(error.path, directory) ?? basename(error.path ?? source), error.reason),
  );
  for (const [done, path] of elfFiles.entries()) {
    onProgress({step: 'reading', path, done, total: elfFiles.length});
    try {
      files.push(auditOne(root, join(directory, path), path, requests.get(path) ?? []));
    } catch (error) {
      if (!(error instanceof ElfError) || isNamed) throw error instanceof ElfError ? error.at(source) : error;
      findings.push(bad(path, error.reason));
    }
  }
  const all = [
    ...findings,
    ...files.flatMap((file) => findingsOf(file, rules, versionProblems.get(file.path) ?? [])),
    ...packageFindings(files, fields),
  ];
  return {
    source,
    fields,
    files,
    targets: targetsOf(files),
    findings: all.filter(({code}) => !rules.ignore.has(code)).sort(bySeverity),
  };
}

function auditOne(root: Root, host: string, path: string, requests: FileAudit['requests']): FileAudit {
  const source = root.source(host);
  try {
    return auditFile(source, path, requests);
  } finally {
    source.close();
  }
}

/** Where in the package something could not be read; undefined for the package itself. */
function placeOf(path: string | undefined, directory: string): string | undefined {
  return path?.startsWith(`${directory}/`) ? relative(directory, path) : undefined;
}

function bad(file: string, message: string): PackageFinding {
  return {code: 'bad-elf', severity: 'error', file, message};
}

const severities = ['error', 'warning', 'note'] as const;

function bySeverity(a: PackageFinding, b: PackageFinding): number {
  return severities.indexOf(a.severity) - severities.indexOf(b.severity);
}

function targetsOf(files: readonly FileAudit[]): TargetAudit[] {
  const groups = new Map<string, FileAudit[]>();
  for (const file of files) {
    const {os, cpu, libc} = file.target;
    const key = `${os} ${cpu} ${libc}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const {os, cpu, libc} = first.target;
    const floors = joinFloors(group.map((file) => file.floors));
    const known = libc === 'glibc' || libc === 'musl' ? libc : undefined;
    return [{os, cpu, libc, files: group.length, floors, runsOn: known && runsOn(floors, known)}];
  });
}
