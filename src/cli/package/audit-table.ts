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
import {type SafeText, safe} from '../safe-text.js';

export function printAudit(audit: PackageAudit, output: Output): void {
  output.line(headline(audit));
  if (audit.files.length === 0) output.line(safe`  no ELF files`);
  else for (const line of align([heading, ...audit.files.map(rowOf)])) output.line(safe`  ${line}`);
  for (const target of audit.targets) for (const line of targetLines(target)) output.line(line);
  for (const {severity, file, message} of audit.findings)
    output.line(
      file === undefined ? safe`  ${severity}: ${message}` : safe`  ${severity}: ${file}: ${message}`,
    );
}

const heading = ['file', 'for', 'glibc', 'GLIBCXX', 'GCC', 'kind'];

function headline({source, fields}: PackageAudit): SafeText {
  if (fields?.name === undefined) return safe`${source}`;
  return safe`${fields.name}${fields.version === undefined ? '' : ` ${fields.version}`} (${source})`;
}

function rowOf({path, target, kindName, floors}: FileAudit): string[] {
  const of = (family: Family) => floors.find((floor) => floor.family === family)?.version;
  const libc = target.libc === 'musl' ? ['musl', of('musl')].join(' ').trim() : (of('glibc') ?? '-');
  return [printable(path), targetName(target), libc, of('glibcxx') ?? '-', of('gcc') ?? '-', kindName];
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

function targetLines(target: TargetAudit): SafeText[] {
  const lines = [safe`  ${targetName(target)}: ${meaning(target)}`];
  for (const floor of target.floors) {
    const [newest] = floor.versions;
    if (newest === undefined || newest.count === 0) continue;
    const names = newest.symbols.slice(0, 4).map(beginning).join(', ');
    const more = newest.count > 4 ? ` and ${newest.count - 4} more` : '';
    lines.push(safe`    ${floorName(floor)} for ${names}${more}`);
  }
  return lines;
}

/** Names of C++ are long, and the beginning says enough. */
function beginning(symbol: string): string {
  return symbol.length > 40 ? `${symbol.slice(0, 37)}...` : symbol;
}

function meaning({libc, floors, runsOn}: TargetAudit): string {
  if (libc === 'none') return 'needs no C library';
  if (runsOn === undefined) return `for ${libc}`;
  const oldest = runsOn.oldest.length === 0 ? 'no known release' : `${runsOn.oldest.join(', ')} and newer`;
  const tooOld = runsOn.tooOld.length === 0 ? '' : `; not ${runsOn.tooOld.join(', ')}`;
  const unversioned =
    libc === 'musl' && !floors.some(({family}) => family === 'musl')
      ? ' (musl has no symbol versions; nothing shows that a newer musl is needed)'
      : '';
  return `${oldest}${tooOld}${unversioned}`;
}
