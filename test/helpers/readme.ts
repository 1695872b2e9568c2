/*
 * The README as a script: each block that is marked `sh` is run by a test, line by line, as printed. Blocks marked
 * `shell` need the registry, or build the project itself.
 */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {projectDirectory} from './cli.js';

export interface Block {
  /** The heading above it. */
  readonly heading: string;
  readonly commands: readonly string[];
}

export function readmeBlocks(): Block[] {
  const text = readFileSync(path.join(projectDirectory, 'README.md'), 'utf8');
  return text.split(/^#+ /m).flatMap((section) =>
    [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = '']) => ({
      heading: section.split('\n')[0] ?? '',
      commands: code.trim().split('\n'),
    })),
  );
}
