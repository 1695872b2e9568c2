/*
 * Files that a bundled program reads at run time and that no NEEDED entry tells of: configuration, firmware, keymaps.
 */
import {posix} from 'node:path';
import {ElfError, systemError} from '../errors.js';
import {manifestPath} from './manifest.js';
/**
 * Find the files to carry, each with its place. Links are followed inside the root.
 *
 * @throws ElfError FILE_SYSTEM, NOT_A_FILE, or BAD_REQUEST for a target that is not under the prefix
 */
export function findDataFiles(root, files, layout) {
  return files.flatMap(({source, target}) => {
    const place = targetOf(source, target, layout);
    return collect(root, source, place, `the file ${source} that was asked for`);
  });
}
/** A target with a slash at its end is a directory to put the file into. */
export function placeOf(source, target, prefix) {
  const name = posix.basename(source);
  return posix.resolve(prefix, target?.endsWith('/') ? posix.join(target, name) : (target ?? name));
}
function targetOf(source, target, layout) {
  const path = placeOf(source, target, layout.prefix);
  const isInside = path.startsWith(`${layout.prefix}/`) && path !== manifestPath(layout);
  if (isInside && !/[\0\n]/.test(path)) return path;
  throw new ElfError('BAD_REQUEST', `${source} cannot go there`, {
    expected: `a path under ${layout.prefix} that is not the manifest's`,
    got: path,
    value: target,
  });
}
function collect(root, source, path, why, above = []) {
  const there = root.resolve(source);
  if (!there.found) throw systemError(source, Object.assign(new Error(there.code), {code: there.code}));
  const identity = `${there.stats.dev}:${there.stats.ino}`;
  if (there.stats.isFile()) return [{path, role: 'data', source: there.host, from: root, identity, why}];
  if (!there.stats.isDirectory()) {
    throw new ElfError('NOT_A_FILE', 'neither a regular file nor a directory', {path: source});
  }
  if (above.includes(identity)) {
    throw new ElfError('BAD_REQUEST', 'the directory holds a link to itself', {path: source});
  }
  return namesIn(root, there).flatMap((name) =>
    collect(root, posix.join(there.inside, name), posix.join(path, name), why, [...above, identity]),
  );
}
function namesIn(root, {host, inside}) {
  try {
    return root.names(host);
  } catch (error) {
    throw error instanceof ElfError ? error.at(inside) : error;
  }
}
//# sourceMappingURL=data-files.js.map
