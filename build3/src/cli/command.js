export const jsonOption = {
  json: {type: 'boolean', describe: 'print the facts as JSON'},
};
export const applyOptions = {
  output: {
    type: 'string',
    alias: 'o',
    requiresArg: true,
    describe: 'write the result to this file, leave FILE alone',
  },
  'dry-run': {type: 'boolean', alias: 'n', describe: 'print what would be written, and why; write nothing'},
  'in-place': {type: 'boolean', describe: 'write only the changed bytes into FILE itself (not atomic)'},
};
//# sourceMappingURL=command.js.map
