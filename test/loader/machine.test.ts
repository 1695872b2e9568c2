/* Every dynamic program of this machine, and every library of the cross compilers' roots. */
import {existsSync, readdirSync, statSync} from 'node:fs';
import {basename, join, normalize} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ElfError} from '../../src/errors.js';
import {Resolver} from '../../src/loader/resolve.js';
import type {ResolvedTree} from '../../src/loader/tree.js';
import {MissingTool, run, withTools} from '../helpers/tools.js';
import {glibcLoader} from './workshop.js';

const directories = ['/usr/bin', '/usr/sbin'];

for (const [title, start, options] of [
  ['the kernel', (program: string) => [program], {}],
  ['ld.so', (program: string) => [glibcLoader, program], {direct: true}],
] as const) {
  test(
    `machine: each program of ${directories.join(' and ')}, started by ${title}, loads what its loader says`,
    withTools((t) => {
      const resolver = new Resolver({...options, preloadFile: false});
      const programs = directories.flatMap((directory) => dynamicPrograms(resolver, directory));
      for (const {path, tree} of programs)
        compare(t, path, tree, start(path), {LD_TRACE_LOADED_OBJECTS: '1'});
      t.log(`${programs.length} programs`);
      t.true(programs.length > 0);
    }),
  );
}

const targets: Readonly<Record<string, string>> = {
  'arm-linux-gnueabi': 'qemu-arm',
  'arm-linux-gnueabihf': 'qemu-arm',
  'aarch64-linux-gnu': 'qemu-aarch64',
  'i686-linux-gnu': 'qemu-i386',
  'mips64el-linux-gnuabi64': 'qemu-mips64el',
  'powerpc64-linux-gnu': 'qemu-ppc64',
  'powerpc64le-linux-gnu': 'qemu-ppc64le',
  'riscv64-linux-gnu': 'qemu-riscv64',
  's390x-linux-gnu': 'qemu-s390x',
};

for (const [triplet, emulator] of Object.entries(targets)) {
  test(
    `machine: each library of /usr/${triplet} loads what its own loader says under ${emulator}`,
    withTools((t) => {
      const root = `/usr/${triplet}`;
      if (!existsSync(root)) throw new MissingTool(root);
      const libraries = dynamicPrograms(new Resolver({root}), '/lib', root);
      for (const {path, tree} of libraries) {
        const loader = tree.interpreter?.host ?? t.fail(`no loader for ${path}`);
        const command = [emulator, '-L', root, `${loader}`, '--list', path];
        compare(t, path, tree, command, {}, root);
        for (const {host} of tree.nodes) t.true(host.startsWith(`${root}/`), host);
      }
      t.log(`${libraries.length} libraries`);
      t.true(libraries.length > 0);
    }),
  );
}

function dynamicPrograms(
  resolver: Resolver,
  directory: string,
  root = '',
): {path: string; tree: ResolvedTree}[] {
  return readdirSync(join(root, directory)).flatMap((name) => {
    const path = join(directory, name);
    const tree = isOrdinary(join(root, path)) ? resolve(resolver, path) : undefined;
    return tree?.interpreter?.libc === 'glibc' && tree.nodes.length > 2 ? [{path, tree}] : [];
  });
}

function isOrdinary(path: string): boolean {
  const stats = statSync(path, {throwIfNoEntry: false});
  // A set-ID program would be run, not listed.
  return stats?.isFile() === true && (stats.mode & 0o6000) === 0;
}

function resolve(resolver: Resolver, path: string): ResolvedTree | undefined {
  try {
    return resolver.resolve(path);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** A path as it is in the root. Some libraries have a RUNPATH to the root itself, where qemu takes the path outside. */
function pathIn(root: string, path: string): string {
  return root !== '' && path.startsWith(`${root}/`) ? normalize(path).slice(root.length) : path;
}

function compare(
  t: ExecutionContext,
  path: string,
  tree: ResolvedTree,
  [command = '', ...args]: readonly string[],
  env: Record<string, string>,
  root = '',
): void {
  const {stdout} = run(command, args, {env});
  const lines = stdout.split('\n').map((line) => /^\t(.*?)(?: => (.*?))?(?: \(0x[0-9a-f]+\))?$/.exec(line));
  const real = lines.flatMap((match) =>
    match?.[1] === undefined || match[1].startsWith('linux-') || match[1] === ''
      ? []
      : [pathIn(root, match[2] ?? match[1])],
  );
  const ours = [...tree.nodes.slice(1).map((node) => node.path), ...tree.misses.map(() => 'not found')];
  const loader = basename(tree.interpreter?.path ?? '');
  const isLoader = (file: string) => basename(file) === loader;
  t.deepEqual(
    ours.filter((file) => !isLoader(file)).sort(),
    real.filter((file) => !isLoader(file)).sort(),
    path,
  );
}
