import {isUtf8} from 'node:buffer';
import {readFileSync} from 'node:fs';

/**
 * Whether this process was started with the arguments that Node reports: it puts U+FFFD in the place of what is not UTF-8,
 * and a path with that in it could be another file's.
 */
export function areArgumentsUtf8(argv: readonly string[]): boolean {
  if (!argv.some((word) => word.includes('\ufffd'))) return true;
  try {
    return isUtf8(readFileSync('/proc/self/cmdline'));
  } catch {
    return false;
  }
}
