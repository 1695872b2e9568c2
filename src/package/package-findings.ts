/*
 * What is wrong with a package as a whole: fields of package.json that contradict its files, unused
 * libraries, versions that a library in the package lacks.
 */
import type {FileAudit} from './file-audit.js';
import type {PackageFinding} from './finding.js';
import {admits, type PackageFields} from './package-json.js';
import {baseLibraries} from './platforms.js';

/** Compare the fields with the files, and the files with one another. */
export function packageFindings(
  files: readonly FileAudit[],
  fields: PackageFields | undefined,
): PackageFinding[] {
  return [...(fields === undefined ? [] : fieldFindings(files, fields)), ...unusedFindings(files)];
}

function fieldFindings(files: readonly FileAudit[], fields: PackageFields): PackageFinding[] {
  const loaded = files.filter(({kind}) => kind.endsWith('program') || kind === 'shared-library');
  const findings = [
    ...mismatch(loaded, fields.os, 'wrong-os', 'os', ({target}) => target.os),
    ...mismatch(loaded, fields.cpu, 'wrong-cpu', 'cpu', ({target}) => target.cpu),
    ...mismatch(
      loaded.filter(({target}) => target.libc === 'glibc' || target.libc === 'musl'),
      fields.libc,
      'wrong-libc',
      'libc',
      ({target}) => target.libc,
    ),
  ];
  const libcs = new Set(
    loaded.map(({target}) => target.libc).filter((libc) => libc === 'glibc' || libc === 'musl'),
  );
  const [only] = libcs;
  if (libcs.size === 1 && fields.libc === undefined && fields.os?.join() === 'linux')
    findings.push({
      code: 'no-libc-field',
      severity: 'note',
      file: undefined,
      message: `every file is for ${only}, but package.json has no "libc": ["${only}"], so it is also installed on other systems`,
    });
  return findings;
}

/** A field that admits none of the files is wrong; one that leaves some out may do so on purpose. */
function mismatch(
  files: readonly FileAudit[],
  field: readonly string[] | undefined,
  code: 'wrong-os' | 'wrong-cpu' | 'wrong-libc',
  name: string,
  valueIn: (file: FileAudit) => string,
): PackageFinding[] {
  const values = [...new Set(files.map(valueIn))];
  const strays = values.filter((value) => !admits(field, value));
  if (strays.length === 0 || field === undefined) return [];
  const isWhole = strays.length === values.length;
  const example = files.find((file) => strays.includes(valueIn(file)));
  return [
    {
      code,
      severity: isWhole ? 'error' : 'warning',
      file: example?.path,
      message: `is for ${strays.join(', ')}, but package.json says "${name}": ${JSON.stringify(field)}`,
    },
  ];
}

/** A libstdc++.so.6 beside an addon is never loaded: Node.js has the system's in memory under that name already. */
function unusedFindings(files: readonly FileAudit[]): PackageFinding[] {
  const usedByPrograms = new Set(
    files.flatMap(({requests}) => requests.filter(({from}) => from === 'package').map(({path}) => path)),
  );
  return files
    .filter(({soname, path}) => baseLibraries.includes(soname ?? '') && !usedByPrograms.has(path))
    .map(({path, soname}) => ({
      code: 'bundled-but-unused',
      severity: 'warning',
      file: path,
      message: `no addon will use it: Node.js has already loaded the system's ${soname} under this name`,
    }));
}
