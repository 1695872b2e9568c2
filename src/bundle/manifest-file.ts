import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {type Manifest, parseManifest} from './manifest.js';

/** In bytes; a manifest of a hundred emulators has a twentieth of it. */
const longestManifest = 1 << 22;

/**
 * Read a manifest from its file, which is closed.
 *
 * @throws ElfError BAD_MANIFEST, OUTSIDE, FILE_SYSTEM
 */
export function readManifestFile(source: FileSource): Manifest {
  const {path, size} = source;
  try {
    if (size <= longestManifest) return parseManifest(Buffer.from(source.read(0, size)).toString(), path);
    const expected = `at most ${longestManifest} bytes`;
    throw new ElfError('BAD_MANIFEST', 'too long for a manifest', {path, expected, got: `${size} bytes`});
  } finally {
    source.close();
  }
}
