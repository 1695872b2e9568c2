/*
 * The proof of a packed file, from the finished file alone: everything that a part asks for is inside, with the symbol
 * versions that it wants. Nothing is run.
 */
import {posix} from 'node:path';
import type {PackedContents} from '../elf/packed.js';
import {packedContents, partSource} from '../elf/packed.js';
import {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import {type ObjectVersions, readVersions} from '../loader/versions.js';

interface Inside {
  readonly name: string;
  readonly view: ElfView;
  readonly versions: ObjectVersions | undefined;
}

/**
 * Prove that a packed file is self-contained.
 *
 * @throws ElfError NOT_CLOSED naming what is missing and who asks for it
 */
export function provePacked(view: ElfView): PackedContents {
  const contents = packedContents(view);
  if (contents === undefined) throw new ElfError('BAD_ELF', 'not a packed file', {path: view.path});
  const inside = contents.parts.map((part): Inside & {names: readonly string[]} => {
    const own = new ElfView(partSource(view, contents, part));
    const soname = part.soname === undefined ? [] : [part.soname];
    return {
      name: part.names[0] ?? '',
      names: [...part.names, ...soname],
      view: own,
      versions: readVersions(own),
    };
  });
  const byName = new Map(inside.slice(1).flatMap((one) => one.names.map((name) => [name, one] as const)));
  for (const one of inside) {
    for (const needed of one.view.dynamic?.needed ?? [])
      if (!byName.has(posix.basename(needed))) throw notClosed(view, one, `${needed} is missing`);
    for (const {file, version, weak} of one.versions?.needs ?? []) {
      const defines = byName.get(posix.basename(file))?.versions?.defines;
      if (!weak && defines !== undefined && !defines.has(version))
        throw notClosed(view, one, `${file} does not define ${version}`);
    }
  }
  return contents;
}

function notClosed({path}: ElfView, {name}: Inside, what: string): ElfError {
  return new ElfError('NOT_CLOSED', `the packed file is not self-contained: ${what}`, {
    path,
    expected: 'everything inside the file',
    got: `an unmet dependency of ${name}`,
  });
}
