import {ElfError} from '../index.js';

/** The errors of a directory where nothing may be made, and of a file that is a mount point. */
const codes: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY']);

/** Whether a file could not be replaced although it might be written into. */
export function isUnreplaceable(error: unknown): boolean {
  if (!(error instanceof ElfError) || error.code !== 'FILE_SYSTEM') return false;
  return codes.has(((error.cause ?? {}) as NodeJS.ErrnoException).code ?? '');
}
