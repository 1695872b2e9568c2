/*
 * An audit for people: a line for each file, what its floors mean, then what is wrong.
 */
import {
  type Family,
  type FileAudit,
  floorName,
  type PackageAudit,
  printable,
  type TargetAudit,
} from '../../index.js';
import type {Output} from '../output.js';

export function printAudit(audit: PackageAudit, output: Output): void {
  output.foreign(headline(audit));
  if (audit.files.length === 0) output.line('  no ELF files');
  const rows = audit.files.map(rowOf);
  for (const line of align(
    [['file', 'for', 'glibc', 'GLIBCXX', 'GCC', 'kind'], ...rows].slice(rows.length ? 0 : 1),
  ))
    output.foreign(`  ${line}`);
  for (const target of audit.targets) for (const line of targetLines(target)) output.foreign(line);
  for (const {severity, file, message} of audit.findings)
    output.foreign(`  ${severity}: ${file === undefined ? '' : `${shown(file)}: `}${shown(message)}`);
}

/** One line stays one line, also in a pipe. */
function shown(text: string): string {
  return printable(text);
}

/** Names of C++ are long, and the beginning tells enough. */
function shortened(symbol: string): string {
  const text = shown(symbol);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function headline({source, fields}: PackageAudit): string {
  if (fields?.name === undefined) return shown(source);
  return shown(`${fields.name}${fields.version === undefined ? '' : ` ${fields.version}`} (${source})`);
}

function rowOf({path, target, kindName, floors}: FileAudit): string[] {
  const of = (family: Family) => floors.find((floor) => floor.family === family)?.version ?? '-';
  const libc =
    target.libc === 'musl'
      ? `musl ${floors.some(({family}) => family === 'musl') ? of('musl') : ''}`.trim()
      : of('glibc');
  return [shown(path), targetName(target), libc, of('glibcxx'), of('gcc'), kindName];
}

function targetName({os, cpu, libc}: Pick<TargetAudit, 'os' | 'cpu' | 'libc'>): string {
  return libc === 'none' || libc === 'bionic' ? `${os} ${cpu}` : `${os} ${cpu} ${libc}`;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((width, row) => Math.max(width, (row[column] ?? '').length), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function targetLines(target: TargetAudit): string[] {
  const lines = [`  ${targetName(target)}: ${meaning(target)}`];
  for (const floor of target.floors) {
    const [newest] = floor.versions;
    if (newest === undefined || newest.count === 0) continue;
    const names = newest.symbols.slice(0, 4).map(shortened).join(', ');
    const more = newest.count > 4 ? ` and ${newest.count - 4} more` : '';
    lines.push(`    ${floorName(floor)} for ${names}${more}`);
  }
  return lines;
}

function meaning({libc, floors, runsOn}: TargetAudit): string {
  if (libc === 'none') return 'asks for no C library';
  if (runsOn === undefined) return `for ${libc}`;
  const oldest = runsOn.oldest.length === 0 ? 'no known release' : `${runsOn.oldest.join(', ')} and newer`;
  const tooOld = runsOn.tooOld.length === 0 ? '' : `; not ${runsOn.tooOld.join(', ')}`;
  const unversioned =
    libc === 'musl' && !floors.some(({family}) => family === 'musl')
      ? ' (musl has no symbol versions; nothing here tells of a newer one)'
      : '';
  return `${oldest}${tooOld}${unversioned}`;
}
