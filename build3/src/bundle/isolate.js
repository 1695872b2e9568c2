import {PF, PT} from '../elf/constants.js';
/** Plan the byte edits for a loader. */
export function planIsolation(view) {
  const bytes = view.source.read(0, view.source.size);
  const text = oneUnitPerByte.decode(bytes);
  const isMusl = /\0LD_LIBRARY_PATH\0/.test(text) && text.includes('/etc/ld-musl-');
  const prefix = isMusl ? [] : findPrefixTest(view, text);
  const names = replaceStrings(text, isMusl ? muslStrings : glibcStrings);
  const isDeaf = isMusl ? names.length === 2 : prefix.length === 1;
  const writes = [...(isDeaf ? prefix : []), ...names].sort((a, b) => a.offset - b.offset);
  return {
    plan: {
      path: view.path,
      rung: writes.length === 0 ? 0 : 1,
      inputSize: view.source.size,
      outputSize: view.source.size,
      writes,
      regions: writes.map(({offset, bytes: {length}, reason}) => ({offset, size: length, what: reason})),
      changes: isDeaf ? ['the loader ignores LD_* variables, ld.so.preload and ld.so.cache'] : [],
      notes: [],
    },
    isDeaf,
    warnings: isDeaf ? [] : [couldNot(prefix.length)],
  };
}
/** Tell whether a loader was isolated: it has the changed test, and not the original one. */
export function isIsolated(view) {
  const text = oneUnitPerByte.decode(view.source.read(0, view.source.size));
  if (muslStrings.every(([from, to]) => text.includes(`\0${to}\0`) && !text.includes(`\0${from}\0`)))
    return true;
  return findPrefixTest(view, text, deafTest).length === 1 && findPrefixTest(view, text).length === 0;
}
function couldNot(matches) {
  const found =
    matches === 0 ? 'the expected code was not found' : `${matches} places look like the expected code`;
  return `the loader still reads LD_* variables of the guest (${found}): LD_PRELOAD prints errors, ldd lists the wrong libraries`;
}
const oneUnitPerByte = new TextDecoder('latin1');
/**
 * The x86-64 code of the test: cmpb $'L',(%reg); jne; cmpb $'D',1(%reg); jne; cmpb $'_',2(%reg), where %reg is
 * any register that needs no extra byte of addressing, and each jump is short or near.
 */
const prefixTest = testFor('_');
const deafTest = testFor('%');
function testFor(last) {
  const jne = '(?:\\x75[^]|\\x0f\\x85[^]{4})';
  const registers = [0, 1, 2, 3, 6, 7].flatMap((register) => ['', '\\x41'].map((rex) => ({register, rex})));
  const one = ({register, rex}) => {
    const compare = (mode, displacement, character) =>
      `${rex}\\x80\\x${(mode | 0x38 | register).toString(16)}${displacement}${character}`;
    return `${compare(0x00, '', 'L')}${jne}${compare(0x40, '\\x01', 'D')}${jne}${compare(0x40, '\\x02', last)}`;
  };
  return new RegExp(registers.map(one).join('|'), 'g');
}
function findPrefixTest(view, text, test = prefixTest) {
  const code = view.programHeaders.filter(
    ({p_type, p_flags}) => p_type === PT.PT_LOAD && (p_flags & PF.PF_X) !== 0,
  );
  return code.flatMap(({p_offset, p_filesz}) =>
    [...text.slice(p_offset, p_offset + p_filesz).matchAll(test)].map((match) => {
      const offset = p_offset + match.index + match[0].length - 1;
      return write(offset, '_', '%', 'the test for LD_ now is one for LD%');
    }),
  );
}
/** Same length; the new paths lie in a directory that /proc cannot have, mounted or not. */
const glibcStrings = [
  ['/etc/ld.so.preload', '/proc/-/ld.preload'],
  ['/etc/ld.so.cache', '/proc/-/ld.cache'],
  ['GLIBC_TUNABLES', 'GLIBC%TUNABLES'],
];
const muslStrings = [
  ['LD_PRELOAD', 'LD%PRELOAD'],
  ['LD_LIBRARY_PATH', 'LD%LIBRARY_PATH'],
];
function replaceStrings(text, pairs) {
  return pairs.flatMap(([from, to]) =>
    [...text.matchAll(new RegExp(`(?<=\\0)${from.replaceAll('.', '\\.')}(?=\\0)`, 'g'))].map((match) =>
      write(match.index, from, to, `${from} becomes ${to}`),
    ),
  );
}
function write(offset, from, to, reason) {
  return {offset, before: Buffer.from(from, 'latin1'), bytes: Buffer.from(to, 'latin1'), reason};
}
//# sourceMappingURL=isolate.js.map
