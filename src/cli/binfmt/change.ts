import {enableInTable, type TableOptions, unregisterEmulator} from '../../index.js';
import type {ArgumentsOf} from '../command.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import type {binfmtUnregister as definition} from './definition.js';

type Arguments = ArgumentsOf<typeof definition>;

type Change = (name: string, options: TableOptions) => unknown;

export const unregister = forEachName(unregisterEmulator);
export const enable = forEachName((name, options) => enableInTable(name, true, options));
export const disable = forEachName((name, options) => enableInTable(name, false, options));

/** An entry that cannot be changed is reported, and the others are still done. */
function forEachName(change: Change) {
  return (args: Arguments, output: Output): undefined => {
    const options = {table: args.table, global: args.global};
    for (const name of args.names) {
      try {
        const removed = change(name, options);
        if (typeof removed === 'string') output.progress(safe`${removed} removed`);
      } catch (error) {
        output.error(error);
      }
    }
  };
}
