/*
 * More duels (duels.ts): root packs, unpacks and repairs files in the home of an ordinary user.
 */
import {chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {packProgram} from '../../src/pack/pack-program.js';
import {unpack} from '../../src/pack/unpack.js';
import {repairPackage} from '../../src/package/repair/repair.js';
import {output} from '../helpers/tools.js';
import {type Duel, type Ground, link, own, secret, treasury} from './duels.js';

/** What is made once: a program and an addon that need a library in the user's home, and the packed program. */
const parts = ({base}: Ground) => join(base, 'parts');
const libraryName = 'libprobe.so.1';

async function prepareParts(ground: Ground): Promise<void> {
  if (!existsSync(parts(ground))) await makeParts(ground);
  const {home} = ground;
  for (const name of ['lib', 'out', 'pkg', 'pkg/sub']) own(join(home, name), (path) => mkdirSync(path));
  own(join(home, 'pkg/package.json'), (path) => writeFileSync(path, '{"name": "probe", "version": "1.0.0"}'));
  own(join(home, 'static'), (path) => copyFileSync(ground.emulator, path));
  const copies = {
    [`lib/${libraryName}`]: libraryName,
    'pkg/sub/a.node': 'a.node',
    packed: 'packed',
  };
  for (const [to, from] of Object.entries({...copies, program: 'program'}))
    own(join(home, to), (path) => copyFileSync(join(parts(ground), from), path));
}

/** Outside, files with the same names may be read only by root. */
async function makeParts(ground: Ground): Promise<void> {
  const {home, outside} = ground;
  const directory = parts(ground);
  for (const one of [directory, join(outside, 'lib'), join(outside, 'sub')]) mkdirSync(one);
  const source = join(directory, 'probe.c');
  const compile = (code: string, to: string, ...args: string[]) => {
    writeFileSync(source, code);
    output('gcc', ['-fPIC', '-o', to, source, ...args]);
  };
  const library = (text: string) => `const char *probe(void) { return "${text}"; }`;
  const uses = (name: string) => `const char *probe(void); int ${name}(void) { return probe() == 0; }`;
  const shared = ['-shared', `-Wl,-soname,${libraryName}`];
  const asking = [join(directory, libraryName), `-Wl,-rpath,${join(home, 'lib')}`];
  compile(library('plain'), join(directory, libraryName), ...shared);
  compile(library(secret), join(outside, 'lib', libraryName), ...shared);
  compile(uses('main'), join(directory, 'program'), ...asking);
  compile(uses('start'), join(directory, 'a.node'), '-shared', ...asking);
  compile(
    `${library(secret).replace('probe', 'own')} ${uses('start')}`,
    join(outside, 'sub/a.node'),
    '-shared',
    ...asking,
  );
  const pack = async (libraryPath: string, to: string) =>
    packProgram(join(directory, 'program'), {output: to, libraryPath});
  await pack(directory, join(directory, 'packed'));
  await pack(join(outside, 'lib'), join(outside, 'packed'));
  for (const name of [`lib/${libraryName}`, 'sub/a.node', 'packed']) chmodSync(join(outside, name), 0o600);
}

/** A name in the user's home and the link that takes its place. */
function exchange(name: string, target: string): Pick<Duel, 'swap' | 'prepare'> {
  return {
    swap: ({home}) => [join(home, name, '..'), join(home, name), join(home, 'link')],
    prepare: async (ground) => {
      await prepareParts(ground);
      link(join(ground.outside, target), join(ground.home, 'link'));
    },
  };
}

/** Staging directories in a directory of the user's, who replaces them by a directory of root's. */
function takeStaging(name: string): Pick<Duel, 'swap' | 'prepare'> {
  return {
    swap: ({home}) => ['staging', join(home, name), join(home, name, 'treasury')],
    prepare: async (ground) => {
      await prepareParts(ground);
      treasury(join(ground.home, name));
    },
  };
}

const packed = ({home}: Ground) => join(home, 'out/result');
const pack = (ground: Ground) => packProgram(join(ground.home, 'program'), {output: packed(ground)});
const packStatic = (ground: Ground) => packProgram(join(ground.home, 'static'), {output: packed(ground)});
const unpackIt = (ground: Ground) => unpack(join(ground.home, 'packed'), {into: packed(ground)});
const repairInto = (ground: Ground) => repairPackage(join(ground.home, 'pkg'), {into: packed(ground)});
const repair = ({home}: Ground) => repairPackage(join(home, 'pkg'), {inPlace: true});

export const packageDuels: readonly Duel[] = [
  {title: 'pack, a library', ...exchange(`lib/${libraryName}`, `lib/${libraryName}`), act: pack},
  {title: 'pack, a static program', ...exchange('static', 'program'), act: packStatic},
  {title: 'pack, the workspace', ...takeStaging('out'), act: pack},
  {title: 'unpack, the file', ...exchange('packed', 'packed'), act: unpackIt},
  {title: 'unpack --into, a directory above', ...exchange('out', 'private'), act: unpackIt},
  {
    title: 'repair --into, a library',
    ...exchange(`lib/${libraryName}`, `lib/${libraryName}`),
    act: repairInto,
  },
  {title: 'repair --into, a directory above', ...exchange('out', 'private'), act: repairInto},
  {title: 'repair --into, the staging directory', ...takeStaging('out'), act: repairInto},
  {title: 'repair --in-place, a directory', ...exchange('pkg/sub', 'sub'), act: repair},
  {title: 'repair --in-place, the staging directory', ...takeStaging('pkg'), act: repair},
];
