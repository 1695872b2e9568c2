import {ElfError} from '../errors.js';
import type {FileSource} from '../source/file.js';
import {formatManifest, type Manifest, manifestPath, parseManifest} from './manifest.js';

/** In bytes, enough for about 60,000 files. Reading a longer one would take hundreds of megabytes of memory. */
const longestManifest = 1 << 24;

/**
 * Make sure that a manifest can be read back.
 *
 * @throws ElfError UNSUPPORTED for one that is too long
 */
export function requireReadable(manifest: Manifest): void {
  const size = Buffer.byteLength(formatManifest(manifest));
  if (size <= longestManifest) return;
  throw new ElfError(
    'UNSUPPORTED',
    `too many files for a bundle: the list of ${manifest.files.length} is too long`,
    {
      path: manifestPath(manifest),
      expected: `at most ${longestManifest} bytes`,
      got: `${size} bytes`,
    },
  );
}

/**
 * Read a manifest from its file, and close the file.
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
