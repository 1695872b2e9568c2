import {ElfError} from '../../index.js';

/** The errors of a directory where nothing may be made, and of a file that is a mount point. */
const codes: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY']);

/** The calls that put a new file in the place of another; if any other call failed, the file itself is the problem. */
const calls: ReadonlySet<string> = new Set(['mkdtemp', 'mkdir', 'rename']);

/** Whether a file could not be replaced although it might be written into. */
export function isUnreplaceable(error: unknown): boolean {
  if (!(error instanceof ElfError) || error.code !== 'FILE_SYSTEM') return false;
  const {code = '', syscall = ''} = (error.cause ?? {}) as NodeJS.ErrnoException;
  return codes.has(code) && calls.has(syscall);
}
