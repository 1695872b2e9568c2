import {readFileSync} from 'node:fs';
import {systemError} from '../index.js';

/** Read a text file. @throws ElfError FILE_SYSTEM */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw systemError(file, error, 'cannot read');
  }
}

/** The lines of a file that are not empty. */
export function readLines(file: string): string[] {
  return readText(file)
    .split('\n')
    .filter((line) => line !== '');
}
