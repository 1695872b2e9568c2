import {enableInTable, unregisterFromTable} from '../../index.js';
export const unregister = forEachName(unregisterFromTable);
export const enable = forEachName((name, options) => enableInTable(name, true, options));
export const disable = forEachName((name, options) => enableInTable(name, false, options));
/** An entry that cannot be changed is reported, and the others are still done. */
function forEachName(change) {
  return (args, output) => {
    const options = {table: args.table, global: args.global};
    for (const name of args.names) {
      try {
        change(name, options);
      } catch (error) {
        output.error(error);
      }
    }
  };
}
//# sourceMappingURL=binfmt-change.js.map
