import {bufferSource} from '../source/buffer.js';
import {fileSource} from '../source/file.js';
import {ElfView} from './view.js';
/**
 * Open an ELF file. Only its header is read; everything else when it is asked for.
 *
 * @throws ElfError FILE_SYSTEM, NOT_A_FILE, NOT_ELF, TRUNCATED or BAD_ELF
 * @example
 *   await using file = await openElf('/usr/bin/qemu-arm');
 *   console.log(file.view.interpreter?.path, file.view.dynamic?.needed);
 */
export async function openElf(path) {
  return openElfSync(path);
}
/** The same at once, for code that does not wait. */
export function openElfSync(path) {
  return openElfSource(fileSource(path));
}
/** View a file that is open already. It is closed with the view, and when it is no ELF file. */
export function openElfSource(source) {
  try {
    return elfFile(source.path, new ElfView(source), () => source.close());
  } catch (error) {
    source.close();
    throw error;
  }
}
/** View bytes in memory as an ELF file; no file system is touched. */
export function openElfBuffer(bytes) {
  return elfFile(undefined, new ElfView(bufferSource(bytes)), () => undefined);
}
function elfFile(path, view, release) {
  const close = async () => release();
  return {path, view, close, [Symbol.asyncDispose]: close};
}
//# sourceMappingURL=open.js.map
