import {enableInTable, type TableOptions, unregisterEmulator} from '../../index.js';
import type {Arguments} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';

type Change = (name: string, options: TableOptions) => unknown;

export const unregister = forEachName(unregisterEmulator);
export const enable = forEachName((name, options) => enableInTable(name, true, options));
export const disable = forEachName((name, options) => enableInTable(name, false, options));

/** An entry that cannot be changed is reported, and the others are still done. */
function forEachName(change: Change) {
  return (args: Arguments, output: Output): undefined => {
    const options = {table: args.table as string | undefined, global: args.global as boolean | undefined};
    for (const name of args.names as string[]) {
      try {
        const removed = change(name, options);
        if (typeof removed === 'string') output.progress(safe`${removed} removed`);
      } catch (error) {
        output.error(error);
      }
    }
  };
}
