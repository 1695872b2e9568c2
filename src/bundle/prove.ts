import {posix} from 'node:path';
import {ElfError} from '../errors.js';
import {Resolver} from '../loader/resolve.js';
import type {Root} from '../loader/root.js';
import type {ManifestProgram} from './manifest.js';
import type {Layout} from './plan-bundle.js';

/**
 * Prove that a bundle is closed: resolve each program with a directory as its root, and fail if anything is missing
 * or would come from outside the bundle. Nothing is run.
 *
 * @throws ElfError NOT_CLOSED naming the library, who asks for it, and where it would come from
 */
export function proveClosed(
  root: Root,
  layout: Layout,
  programs: readonly ManifestProgram[],
  library: readonly string[],
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
    const {nodes, misses, interpreter} = resolver.resolve(path);
    const miss = misses.find(({optional}) => !optional);
    if (miss !== undefined)
      throw notClosed(path, `${miss.name} is missing`, nodes[miss.requestedBy ?? 0]?.path);
    if (interpreter?.substituted && program.wraps === undefined)
      throw notClosed(path, `the interpreter ${interpreter.requested} is missing`, path);
    const stray = nodes.find((node) => node.path !== path && !node.path.startsWith(`${layout.libs}/`));
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
  return new ElfError('NOT_CLOSED', `the bundle does not stand on its own: ${what}`, {
    path,
    expected: 'everything from the bundle',
    got: `asked for by ${asker ?? path}`,
  });
}
