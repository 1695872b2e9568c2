/*
 * List the files that a program would load and their total size, for example before putting it into an image:
 *
 *     node resolve-closure.js /usr/bin/xz
 *     node resolve-closure.js /bin/ls ./armel-chroot
 *
 * With a second argument, the program and its libraries come from that root, of any architecture. Nothing is run.
 */
import {statSync} from 'node:fs';
import path from 'node:path';
import {attemptsOf, resolveTree} from 'elfinterp';

const [program, root = '/'] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node resolve-closure.js PROGRAM [ROOT]');
  process.exit(2);
}
const tree = await resolveTree(program, {root});
const {nodes, misses} = tree;

const files = [...new Set(nodes.map(({path}) => path))];
const sizes = files.map((file) => statSync(path.join(root, file)).size);
for (const [i, file] of files.entries()) console.log(`${String(sizes[i]).padStart(10)}  ${file}`);
console.log(`${String(sizes.reduce((sum, size) => sum + size, 0)).padStart(10)}  in ${files.length} files`);

for (const miss of misses) {
  console.error(`missing: ${miss.name}`);
  for (const place of attemptsOf(tree, miss)) console.error(`    not at ${place.path}`);
}
process.exitCode = misses.length > 0 ? 1 : 0;
