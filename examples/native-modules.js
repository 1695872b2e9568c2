/*
 * Let the native modules of an Electron-like application find the libraries that it ships, wherever it is installed:
 *
 *     node native-modules.js ./app ./app/lib
 *
 * A .node file is a shared library. Built on a developer's machine it finds its libraries through that machine's
 * ld.so.cache, or through a RUNPATH into the build directory; on the customer's it does not. $ORIGIN is the directory
 * of the module itself, so a path from there to the application's lib directory works everywhere. The edits use slack
 * that the linker left: no module grows, asar offsets do not change, and update deltas stay small.
 */
import path from 'node:path';
import {applyPlan, findElfFiles, openElf, planEdit, resolveTree} from 'elfinterp';

const [application, libraries] = process.argv.slice(2).map((directory) => path.resolve(directory));
if (libraries === undefined) {
  console.error('usage: node native-modules.js APPLICATION LIBRARIES');
  process.exit(2);
}

/**
 * Libraries that every glibc system has; any other library found outside the application may be missing on the
 * customer's machine.
 */
const platform = /^(ld-linux|lib(c|m|dl|pthread|rt|util|resolv|gcc_s|stdc\+\+)\.so)/;

for (const file of findElfFiles(application)) {
  if (path.extname(file) !== '.node') continue;
  const way = path.relative(path.dirname(file), libraries);
  const elf = await openElf(file);
  const plan = planEdit(elf.view, {runpath: `$ORIGIN/${way}`});
  await elf.close();
  await applyPlan(file, plan);

  const {nodes, misses} = await resolveTree(file);
  const outside = nodes
    .map((node) => node.path)
    .filter((found) => !found.startsWith(`${application}/`) && !platform.test(path.basename(found)));
  const lacking = [...misses.map(({name}) => name), ...outside.map((found) => path.basename(found))];
  const verdict =
    lacking.length === 0 ? 'finds all its libraries' : `the application lacks ${lacking.join(', ')}`;
  console.log(`${path.relative(application, file)}: ${plan.changes.join(', ')}; ${verdict}`);
  if (lacking.length > 0) process.exitCode = 1;
}
