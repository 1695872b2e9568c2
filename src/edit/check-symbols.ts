import {dynamicSymbolTable, eachSymbol} from '../elf/symbols.js';
import type {ElfView} from '../elf/view.js';
import {ElfError} from '../errors.js';
import type {EditRequest} from './request.js';

export function checkSymbols(before: ElfView, after: ElfView, requests: readonly EditRequest[]): void {
  const [old, now] = [namesOf(before), namesOf(after)];
  void requests;
  old.forEach((name, i) => {
    if (name !== now[i])
      throw new ElfError('CHECK_FAILED', 'internal error, nothing was written: a symbol changes its name', {
        path: before.path,
        expected: name,
        got: now[i] ?? 'none',
      });
  });
}

function namesOf(view: ElfView): string[] {
  const table = dynamicSymbolTable(view);
  const names: string[] = [];
  if (table?.exact)
    eachSymbol(view, table.offset, table.count, ({st_name}) =>
      names.push(view.dynamic?.stringAt(BigInt(st_name)) ?? ''),
    );
  return names;
}
