import {exportRegistration, flagMeanings, mustFindTable, readEntry} from '../../index.js';
export function run(args, output) {
  const {mountPoint} = mustFindTable(args.table);
  const entries = [];
  for (const name of args.names) {
    try {
      entries.push(readEntry(mountPoint, name));
    } catch (error) {
      output.error(error);
    }
  }
  const format = args.export;
  if (args.json) output.json(entries.map(({enabled, registration}) => ({enabled, ...registration})));
  else if (format === undefined) for (const entry of entries) show(entry, output);
  else for (const {registration} of entries) output.line(exportRegistration(registration, format).trimEnd());
}
function show({enabled, registration}, output) {
  const {name, match, interpreter, flags} = registration;
  output.line(`${name}: ${enabled ? 'enabled' : 'disabled'}`);
  output.line(`  interpreter  ${interpreter}`);
  if (match.type === 'extension') output.line(`  files called *.${match.extension}`);
  else {
    output.line(`  offset       ${match.offset}`);
    output.line(`  magic        ${hexOf(match.magic)}`);
    if (match.mask !== undefined) output.line(`  mask         ${hexOf(match.mask)}`);
  }
  for (const flag of flags) output.line(`  flag ${flag}       ${flagMeanings[flag] ?? 'unknown here'}`);
}
function hexOf(bytes) {
  return Buffer.from(bytes).toString('hex');
}
//# sourceMappingURL=binfmt-show.js.map
