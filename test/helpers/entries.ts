/*
 * What is in a directory tree.
 */
import {type Dirent, readdirSync} from 'node:fs';
import path from 'node:path';

/** The entries below a directory. Links are not followed; Node's own `recursive` follows them since 22.23 and 24.22. */
export function entriesBelow(directory: string): Dirent[] {
  return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => [
    entry,
    ...(entry.isDirectory() ? entriesBelow(path.join(directory, entry.name)) : []),
  ]);
}
