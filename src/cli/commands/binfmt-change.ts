import {enableInTable, type TableOptions, unregisterFromTable} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';

type Change = (name: string, options: TableOptions) => void;

export const unregister = forEachName(unregisterFromTable);
export const enable = forEachName((name, options) => enableInTable(name, true, options));
export const disable = forEachName((name, options) => enableInTable(name, false, options));

/** An entry that cannot be changed is reported, and the others are still done. */
function forEachName(change: Change) {
  return (args: Arguments, output: Output): undefined => {
    const options = {table: args.table as string | undefined, global: args.global as boolean | undefined};
    for (const name of args.names as string[]) {
      try {
        change(name, options);
      } catch (error) {
        output.error(error);
      }
    }
  };
}
