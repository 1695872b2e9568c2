import {standardInput} from '../index.js';
import {UsageError} from './command.js';

/**
 * `-` means standard input everywhere. It may be a file meant only for reading, or a directory.
 *
 * @param what as in "the output"
 * @throws UsageError
 */
export function refuseStandardInput(what: string, path: string | undefined): void {
  if (path !== standardInput) return;
  throw new UsageError(`${what} cannot be standard input (-); if that is its name, write ./-`);
}
