import type {FileAudit, Floor, PackageAudit, PackageFinding} from '../../index.js';

/** An audit as docs/json.md describes it. */
export function auditToJson({source, fields, files, targets, findings}: PackageAudit): object {
  return {
    source,
    package: fields === undefined ? null : packageToJson(fields),
    targets: targets.map(({os, cpu, libc, files: count, floors, runsOn}) => ({
      os,
      cpu,
      libc,
      files: count,
      floors: floorsToJson(floors),
      runsOn: runsOn ?? null,
    })),
    files: files.map(fileToJson),
    findings: findings.map(findingToJson),
  };
}

function packageToJson({name, version, os, cpu, libc}: NonNullable<PackageAudit['fields']>): object {
  return {name: name ?? null, version: version ?? null, os: os ?? null, cpu: cpu ?? null, libc: libc ?? null};
}

function fileToJson(file: FileAudit): object {
  const {path, size, kind, target, interpreter, soname, rpath, runpath} = file;
  return {
    path,
    size,
    kind,
    ...target,
    interpreter: interpreter ?? null,
    soname: soname ?? null,
    rpath: rpath ?? null,
    runpath: runpath ?? null,
    floors: floorsToJson(file.floors),
    unknownVersions: file.unknownVersions,
    needed: file.requests.map(({name, from, path: place}) => ({name, from, path: place ?? null})),
    stripped: file.stripped,
    pageSize: file.pageSize ?? null,
  };
}

/** By family: the oldest version that will do, and who asks for which. */
export function floorsToJson(floors: readonly Floor[]): object {
  return Object.fromEntries(
    floors.map(({family, version, versions}) => [family, {version, raisedBy: versions}]),
  );
}

function findingToJson({code, severity, file, message}: PackageFinding): object {
  return {code, severity, file: file ?? null, message};
}
