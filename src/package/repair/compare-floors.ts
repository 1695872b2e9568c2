/*
 * How a repair changed the floors, for better or worse: an added library has needs of its own.
 */
import type {PackageAudit, TargetAudit} from '../audit.js';
import {floorName} from '../file-findings.js';
import type {Family, Floor} from '../floor.js';
import {compareVersions} from '../version-numbers.js';

/** One sentence for each floor that rose or fell. */
export function compareFloors(before: PackageAudit, after: PackageAudit): string[] {
  return after.targets.flatMap((target) => {
    const old = before.targets.find((other) => isSame(other, target));
    return old === undefined ? [] : compareTarget(old, target, after);
  });
}

function isSame(a: TargetAudit, b: TargetAudit): boolean {
  return a.os === b.os && a.cpu === b.cpu && a.libc === b.libc;
}

const families: readonly Family[] = ['glibc', 'musl', 'glibcxx', 'cxxabi', 'gcc'];

function compareTarget(old: TargetAudit, now: TargetAudit, after: PackageAudit): string[] {
  const name = `${now.os} ${now.cpu} ${now.libc}`;
  return families.flatMap((family) => {
    const [was, is] = [old.floors, now.floors].map((floors) =>
      floors.find((floor) => floor.family === family),
    );
    if (was === undefined && is === undefined) return [];
    if (was === undefined && is !== undefined) return [`${name}: ${raised(is, undefined, now, after)}`];
    if (was !== undefined && is === undefined)
      return [`${name}: ${floorName(was)} is no longer required from the system`];
    if (was === undefined || is === undefined) return [];
    const order = compareVersions(is.version, was.version);
    if (order > 0) return [`${name}: ${raised(is, was, now, after)}`];
    return order < 0 ? [`${name}: the floor drops from ${floorName(was)} to ${floorName(is)}`] : [];
  });
}

/** The files to blame are those of the same target with that floor. */
function raised(is: Floor, was: Floor | undefined, target: TargetAudit, after: PackageAudit): string {
  const culprits = after.files
    .filter((file) => isSame({...target, ...file.target}, target))
    .filter(({floors}) => floors.some((floor) => floor.family === is.family && floor.version === is.version))
    .map(({path}) => path);
  const from = was === undefined ? '' : ` from ${floorName(was)}`;
  const more = culprits.length > 3 ? ` and ${culprits.length - 3} more` : '';
  return `the floor rises${from} to ${floorName(is)}, because of ${culprits.slice(0, 3).join(', ')}${more}`;
}
