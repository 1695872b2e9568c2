/*
 * Let the native modules of an Electron-like application find the libraries that it ships, wherever it is installed:
 *
 *     node native-modules.js ./app ./app/lib
 *
 * A .node file is a shared library. Built on a developer's machine it finds its libraries through that machine's
 * ld.so.cache, or through a RUNPATH into the build directory; on the customer's it does not. $ORIGIN is the directory
 * of the module itself, so a path from there to the application's lib directory holds everywhere. The modules are
 * edited in slack that the linker left: none grows, and asar offsets and update deltas stay small.
 */
import path from 'node:path';
import {applyPlan, findElfFiles, openElf, planEdit, resolveTree} from 'elfinterp';

const [application, libraries] = process.argv.slice(2).map((directory) => path.resolve(directory));

for (const file of findElfFiles(application)) {
  if (path.extname(file) !== '.node') continue;
  const way = path.relative(path.dirname(file), libraries);
  const elf = await openElf(file);
  const plan = planEdit(elf.view, {runpath: `$ORIGIN/${way}`});
  await elf.close();
  await applyPlan(file, plan);

  const {misses} = await resolveTree(file);
  const verdict = misses.length === 0 ? 'finds all its libraries' : `lacks ${misses.map(({name}) => name)}`;
  console.log(`${path.relative(application, file)}: ${plan.changes.join(', ')}; ${verdict}`);
  if (misses.length > 0) process.exitCode = 1;
}
