/*
 * Fail when a package needs a newer system than it did before: a step of audit-pull-request.yml.
 *
 *   node compare-floors.js BEFORE AFTER
 *
 * Each is a tarball or a directory.
 */
import {auditPackage, floorName} from 'elfinterp';

if (process.argv.length < 4) {
  console.error('usage: node compare-floors.js BEFORE AFTER');
  process.exit(2);
}
const [before, after] = await Promise.all(process.argv.slice(2, 4).map((source) => auditPackage(source)));

const isNewer = (a, b) => a.localeCompare(b, 'en', {numeric: true}) > 0;

for (const target of after.targets) {
  const {os, cpu, libc, floors, runsOn} = target;
  const old = before.targets.find((one) => one.os === os && one.cpu === cpu && one.libc === libc);
  if (old === undefined) continue;
  for (const floor of floors) {
    const was = old.floors.find(({family}) => family === floor.family);
    if (was !== undefined && !isNewer(floor.version, was.version)) continue;
    const symbols = floor.versions[0].symbols.slice(0, 5).join(', ');
    const from = was === undefined ? 'nothing' : floorName(was);
    console.log(
      `::error::${os} ${cpu} ${libc}: the floor rises from ${from} to ${floorName(floor)}, for ${symbols}`,
    );
    console.log(`It now runs on ${runsOn?.oldest.join(', ')} and newer.`);
    process.exitCode = 1;
  }
}
if (!process.exitCode) console.log('No floor rises.');
