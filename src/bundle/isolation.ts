import {openElfSource} from '../elf/open.js';
import {ElfError} from '../errors.js';
import {openOwn} from '../loader/inside.js';
import type {Root} from '../loader/root.js';
import {isIsolated} from '../pack/isolate.js';
import type {Manifest} from './manifest.js';

/** Whether the loader of a bundle that is in place ignores LD_*; undefined where there is none that can be read. */
export function isolationOf(root: Root, {files}: Pick<Manifest, 'files'>): boolean | undefined {
  const loader = files.find(({role}) => role === 'loader');
  try {
    const source = loader && openOwn(root, loader.path);
    if (source === undefined) return undefined;
    const file = openElfSource(source);
    try {
      return isIsolated(file.view);
    } finally {
      void file.close();
    }
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}
