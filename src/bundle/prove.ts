import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import {findObstacle} from '../loader/obstacle.js';
import {Resolver} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import type {ManifestProgram} from './manifest.js';
import type {Layout} from './plan-bundle.js';

/**
 * Prove that a bundle is closed: resolve each program with a directory as its root, and fail if anything is missing,
 * a symbol version included, or would come from outside the bundle. Nothing is run.
 *
 * @param symbols look for symbols that nothing defines, too
 * @throws ElfError NOT_CLOSED naming the library, who asks for it, and where it would come from
 */
export function proveClosed(
  root: Root,
  layout: Layout,
  programs: readonly ManifestProgram[],
  library: readonly string[],
  symbols = false,
): void {
  const patched = new Resolver({library}, root);
  const byLoader = {
    interpreter: posix.join(layout.libs, 'ld.so'),
    libraryPath: layout.libs,
    inhibitCache: true,
    direct: true,
  };
  const wrapped = new Resolver({library, ...byLoader}, root);
  for (const program of programs) {
    const resolver = program.wraps === undefined ? patched : wrapped;
    const path = program.wraps ?? program.path;
    const tree = resolver.resolve(path);
    const {nodes} = tree;
    const obstacle = findObstacle(tree, {symbols, root, direct: program.wraps !== undefined});
    if (obstacle !== undefined) throw notClosed(path, obstacle.what, obstacle.asker);
    // What is packed into the program is the same file.
    const stray = nodes.find(
      (node) => node.host !== nodes[0]?.host && !node.path.startsWith(`${layout.libs}/`),
    );
    if (stray !== undefined) {
      throw notClosed(
        path,
        `${stray.name} would come from ${stray.path}`,
        nodes[stray.requestedBy ?? 0]?.path,
      );
    }
  }
}

function notClosed(path: string, what: string, asker: string | undefined): ElfError {
  return new ElfError('NOT_CLOSED', `the bundle is not self-contained: ${what}`, {
    path,
    expected: 'everything from the bundle',
    got: `an unmet dependency of ${asker ?? path}`,
  });
}
