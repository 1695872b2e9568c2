import {hex} from '../../errors.js';
import {readInPieces} from '../../source/source.js';
import {dynamicTagName, PT} from '../constants.js';
import {Rel, Rela} from '../records.js';
import {relocationSymbol, relocationTables} from '../relocations.js';
import {dynamicSymbolTable} from '../symbols.js';
/** Dynamic relocations change bytes that are mapped, and speak of symbols that there are. */
export function checkRelocations(view) {
  const problems = [];
  const symbols = dynamicSymbolTable(view);
  const count = symbols?.exact ? symbols.count : Number.POSITIVE_INFINITY;
  const ranges = view.programHeaders
    .filter(({p_type}) => p_type === PT.PT_LOAD)
    .map(({p_vaddr, p_memsz}) => [p_vaddr, p_vaddr + BigInt(p_memsz)]);
  for (const {tag, offset, size, hasAddend} of relocationTables(view)) {
    const step = (hasAddend ? Rela : Rel).size(view.format.elfClass);
    const name = dynamicTagName(tag, view.header.e_machine);
    const visit = (bytes, start) => {
      for (let at = 0; at + step <= bytes.length; at += step) {
        const {r_offset, r_info} = Rel.decode(bytes, view.format, at);
        const symbol = relocationSymbol(view, r_info);
        const say = (code, what) =>
          problems.push({
            code,
            message: `${name}, record ${(start + at - offset) / step}: ${what}`,
            offset: start + at,
          });
        if (symbol >= count) say('NO_SUCH_SYMBOL', `symbol ${symbol} of ${count}`);
        const isNone = r_info === 0n;
        if (!isNone && !ranges.some(([low, high]) => r_offset >= low && r_offset < high))
          say('RELOCATION_OUTSIDE', `r_offset ${hex(r_offset)} is in no PT_LOAD`);
      }
      return problems.length <= enough;
    };
    readInPieces(view.source, offset, size, visit, 4096 * step);
  }
  return problems;
}
/** More than the caller lists. */
const enough = 100;
//# sourceMappingURL=relocations.js.map
