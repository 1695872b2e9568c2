import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import {findObstacle} from '../loader/obstacle.js';
import {Resolver, type ResolveTreeOptions} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import {levelsAmong} from './hwcaps.js';
import {type Layout, loaderName} from './layout.js';
import type {Manifest} from './manifest.js';
import {findFileObstacle, type ProvenFile} from './prove-files.js';

/** The parts of a bundle that the proof looks at. */
export interface Proven extends Layout, Pick<Manifest, 'programs'> {
  readonly files: readonly ProvenFile[];
}

/**
 * Prove that a bundle is closed: resolve each program and module with a directory as its root, and fail if anything is
 * missing, including a symbol version, or would come from outside the bundle. Nothing is run.
 *
 * @param symbols whether to look for undefined symbols, too
 * @throws ElfError NOT_CLOSED naming the library, who asks for it, and where it would come from
 */
export function proveClosed(root: Root, proven: Proven, library: readonly string[], symbols = false): void {
  const paths = proven.files.map(({path}) => path);
  proveAt(root, proven, {library}, symbols);
  for (const hwcaps of levelsAmong(paths, proven.libs)) proveAt(root, proven, {library, hwcaps}, symbols);
}

/** The same on a CPU of one level. */
function proveAt(
  root: Root,
  {prefix, libs, programs, files}: Proven,
  settings: ResolveTreeOptions,
  symbols: boolean,
): void {
  const patched = new Resolver(settings, root);
  const byLoader = {
    interpreter: posix.join(libs, loaderName),
    libraryPath: libs,
    inhibitCache: true,
    direct: true,
  };
  const wrapped = new Resolver({...settings, ...byLoader}, root);
  for (const program of programs) {
    const resolver = program.wraps === undefined ? patched : wrapped;
    const path = program.wraps ?? program.path;
    const tree = resolver.resolve(path);
    const {nodes} = tree;
    const obstacle = findObstacle(tree, {symbols, root, direct: program.wraps !== undefined});
    if (obstacle !== undefined) throw notClosed(path, obstacle.what, obstacle.asker);
    // Parts packed into the program are in the program's own file.
    const stray = nodes.find((node) => node.host !== nodes[0]?.host && !node.path.startsWith(`${libs}/`));
    if (stray !== undefined) {
      throw notClosed(
        path,
        `${stray.name} would come from ${stray.path}`,
        nodes[stray.requestedBy ?? 0]?.path,
      );
    }
  }
  const opener = programs.find(({interpreter}) => interpreter !== null);
  const isWrapped = opener?.wraps !== undefined;
  const opens = opener && {path: opener.wraps ?? opener.path, resolver: isWrapped ? wrapped : patched};
  const failure = findFileObstacle(patched, files, opens, prefix);
  if (failure !== undefined) throw notClosed(failure.path, failure.what, failure.asker);
}

function notClosed(path: string, what: string, asker: string | undefined): ElfError {
  return new ElfError('NOT_CLOSED', `the bundle is not self-contained: ${what}`, {
    path,
    expected: 'everything from the bundle',
    got: `an unmet dependency of ${asker ?? path}`,
  });
}
