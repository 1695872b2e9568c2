import {hex} from '../../errors.js';
import {dynamicTagName} from '../constants.js';
import {memoryRanges} from '../loads.js';
import {Rel, Rela} from '../records.js';
import {recordsOf, relocationTables, symbolColumn} from '../relocations.js';
import {address, distance, read, scan, wideColumn} from '../scan.js';
import {dynamicSymbolTable} from '../symbols.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

/** Dynamic relocations change bytes that are mapped, and refer to symbols that exist. */
export function checkRelocations(view: ElfView): Problem[] {
  const problems: Problem[] = [];
  const symbols = dynamicSymbolTable(view);
  const most = symbols?.exact ? symbols.count : Number.POSITIVE_INFINITY;
  const memory = memoryRanges(view.programHeaders);
  for (const table of relocationTables(view)) {
    const type = table.hasAddend ? Rela : Rel;
    const size = type.size(view.format.elfClass);
    const name = dynamicTagName(table.tag, view.header.e_machine);
    const symbol = symbolColumn(view, type);
    const place = wideColumn(type as typeof Rel, 'r_offset', view.format);
    const info = wideColumn(type as typeof Rel, 'r_info', view.format);
    scan(view, type, recordsOf(view, table), (words, count, first) => {
      for (let i = 0, at = 0; i < count; i++, at += place.step) {
        const say = (code: string, what: string) => {
          const offset = table.offset + (first + i) * size;
          problems.push({code, message: `${name}, record ${first + i}: ${what}`, offset});
        };
        const number = read(words, at, symbol);
        if (number >= most) say('NO_SUCH_SYMBOL', `refers to symbol ${number} of ${most}`);
        if (!memory.has(distance(words, at, place, memory.base)) && address(words, at, info) !== 0n)
          say('RELOCATION_OUTSIDE', `r_offset ${hex(address(words, at, place))} is not in a PT_LOAD`);
      }
      return problems.length > enough;
    });
  }
  return problems;
}

/** More problems than the caller lists. */
const enough = 100;
