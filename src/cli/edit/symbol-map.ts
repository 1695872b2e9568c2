import {ElfError} from '../../index.js';

/**
 * Read lines of "old new", as patchelf's --rename-dynamic-symbols does.
 *
 * @throws ElfError BAD_REQUEST naming the line
 */
export function parseSymbolMap(text: string, file: string): Readonly<Record<string, string>> {
  const names = new Map<string, string>();
  text.split('\n').forEach((line, i) => {
    const [from, to] = line.trim().split(/\s+/);
    const refuse = (what: string) => new ElfError('BAD_REQUEST', `${file}:${i + 1}: ${what}`);
    if (from === undefined || from === '') return;
    if (to === undefined) throw refuse('Map file line is missing the second element');
    if (names.has(from)) throw refuse(`Name '${from}' appears twice in the map file`);
    if (from.includes('@') || to.includes('@')) throw refuse(`Name pair contains version tag: ${from} ${to}`);
    names.set(from, to);
  });
  return Object.fromEntries(names);
}
