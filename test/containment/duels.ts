/*
 * Root works in the directory of an ordinary user who attacks it (swapper.c): for each command that writes, and for
 * what it reads. In each round the user tries at least once to make root read, change or remove what is not the user's.
 * After each round, while the user is stopped, the test checks that this did not happen.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {bundle} from '../../src/bundle/bundle.js';
import {bundleRelocatable} from '../../src/bundle/relocatable.js';
import {createChroot} from '../../src/chroot/create.js';
import {installEmulator} from '../../src/chroot/install.js';
import {removeBundle} from '../../src/chroot/remove.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {ElfError} from '../../src/errors.js';
import {projectDirectory} from '../helpers/cli.js';
import {fixture} from '../helpers/fixtures.js';
import {output} from '../helpers/tools.js';

/** Debian's nobody. */
const user = 65534;
export const secret = 'THE SECRET OF ROOT';

export interface Ground {
  readonly base: string;
  /** The user's. */
  readonly home: string;
  /** A chroot in it, also the user's. */
  readonly chroot: string;
  /** Root's. */
  readonly outside: string;
  /** A static program that passes for an emulator. */
  readonly emulator: string;
}

export interface Duel {
  readonly title: string;
  /** What is watched and what is exchanged: two names, or staging directories and a name. */
  readonly swap: (ground: Ground) => readonly [watched: string, a: string, b: string];
  /** Set everything up for a round. */
  readonly prepare: (ground: Ground) => unknown;
  readonly act: (ground: Ground) => unknown;
}

const into = ({base}: Ground) => join(base, 'into');
const libs = 'debootstrap/qemu-libs';

export const duels: readonly Duel[] = [
  {
    title: 'bundle --file FILE',
    swap: ({home}) => [home, join(home, 'data'), join(home, 'link')],
    prepare: ({home, outside}) => {
      own(join(home, 'data'), (path) => writeFileSync(path, 'data'));
      link(join(outside, 'secret'), join(home, 'link'));
    },
    act: (ground) =>
      bundle([ground.emulator], {into: into(ground), files: [{source: join(ground.home, 'data')}]}),
  },
  {
    title: 'bundle --file DIRECTORY',
    swap: ({home}) => [join(home, 'tree'), join(home, 'tree'), join(home, 'link')],
    prepare: ({home, outside}) => {
      own(join(home, 'tree'), (path) => mkdirSync(path));
      for (const name of ['a', 'b', 'secret'])
        own(join(home, 'tree', name), (path) => writeFileSync(path, 'data'));
      link(join(outside, 'shelf'), join(home, 'link'));
    },
    act: (ground) =>
      bundle([ground.emulator], {into: into(ground), files: [{source: join(ground.home, 'tree')}]}),
  },
  {
    title: 'bundle PROGRAM',
    swap: ({home}) => [home, join(home, 'program'), join(home, 'link')],
    prepare: ({home, outside, emulator}) => {
      own(join(home, 'program'), (path) => copyFileSync(emulator, path));
      link(join(outside, 'program'), join(home, 'link'));
    },
    act: (ground) => bundle([join(ground.home, 'program')], {into: into(ground)}),
  },
  {
    title: 'bundle --into, the directory',
    swap: ({home, chroot}) => [chroot, chroot, join(home, 'link')],
    prepare: ({home, outside}) => link(outside, join(home, 'link')),
    act: ({chroot, emulator}) => bundle([emulator], {into: chroot}),
  },
  {
    title: 'bundle --into, a directory above',
    swap: ({home}) => [home, join(home, 'above'), join(home, 'link')],
    prepare: ({home, outside}) => {
      own(join(home, 'above'), (path) => mkdirSync(path));
      link(outside, join(home, 'link'));
    },
    act: ({home, emulator}) => bundle([emulator], {into: join(home, 'above/new')}),
  },
  {
    title: 'bundle --into, the staging directory',
    swap: ({chroot}) => ['staging', chroot, join(chroot, 'treasury')],
    prepare: ({chroot}) => treasury(chroot),
    act: ({chroot, emulator}) => bundle([emulator], {into: chroot}),
  },
  {
    title: 'bundle --relocatable PROGRAM',
    swap: ({home}) => [home, join(home, 'program'), join(home, 'link')],
    prepare: ({home, outside, emulator}) => {
      own(join(home, 'program'), (path) => copyFileSync(emulator, path));
      link(join(outside, 'program'), join(home, 'link'));
    },
    act: (ground) => bundleRelocatable([join(ground.home, 'program')], {into: into(ground)}),
  },
  {
    title: 'bundle --relocatable --file DIRECTORY',
    swap: ({home}) => [join(home, 'tree'), join(home, 'tree'), join(home, 'link')],
    prepare: ({home, outside}) => {
      own(join(home, 'tree'), (path) => mkdirSync(path));
      for (const name of ['a', 'b', 'secret'])
        own(join(home, 'tree', name), (path) => writeFileSync(path, 'data'));
      link(outside, join(home, 'link'));
    },
    act: (ground) =>
      bundleRelocatable([ground.emulator], {
        into: into(ground),
        files: [{source: join(ground.home, 'tree')}],
      }),
  },
  {
    title: 'bundle --relocatable --into, a directory above',
    swap: ({home}) => [home, join(home, 'above'), join(home, 'link')],
    prepare: ({home, outside}) => {
      own(join(home, 'above'), (path) => mkdirSync(path));
      link(outside, join(home, 'link'));
    },
    act: ({home, emulator}) => bundleRelocatable([emulator], {into: join(home, 'above/new')}),
  },
  {
    title: 'bundle --relocatable --into, the workspace',
    swap: ({chroot}) => ['staging', chroot, join(chroot, 'treasury')],
    prepare: ({chroot}) => treasury(chroot),
    act: ({chroot}) => bundleRelocatable(['/bin/true'], {into: join(chroot, 'new')}),
  },
  {
    title: 'chroot install, the prefix',
    swap: ({chroot}) => [chroot, join(chroot, 'debootstrap'), join(chroot, 'link')],
    prepare: ({chroot, outside}) => {
      own(join(chroot, 'debootstrap'), (path) => mkdirSync(path));
      link(outside, join(chroot, 'link'));
    },
    act: ({chroot, emulator}) => installEmulator(chroot, [emulator]),
  },
  {
    title: 'chroot install over a bundle, the libraries',
    swap: ({chroot}) => [
      join(chroot, 'debootstrap'),
      join(chroot, libs),
      join(chroot, 'debootstrap/treasury'),
    ],
    prepare: async (ground) => {
      await installed(ground);
      treasury(join(ground.chroot, 'debootstrap'));
    },
    act: ({chroot}) => installEmulator(chroot, [fixture('x86_64/hello-static').path]),
  },
  {
    title: 'chroot remove, the libraries',
    swap: ({chroot}) => [
      join(chroot, 'debootstrap'),
      join(chroot, libs),
      join(chroot, 'debootstrap/treasury'),
    ],
    prepare: async (ground) => {
      await installed(ground);
      treasury(join(ground.chroot, 'debootstrap'));
    },
    act: ({chroot}) => removeBundle(chroot, {force: true}),
  },
  {
    title: 'chroot remove, the prefix',
    swap: ({chroot}) => [chroot, join(chroot, 'debootstrap'), join(chroot, 'link')],
    prepare: async (ground) => {
      await installed(ground);
      link(join(ground.outside, 'debootstrap'), join(ground.chroot, 'link'));
    },
    act: ({chroot}) => removeBundle(chroot, {force: true}),
  },
  {
    title: 'chroot verify',
    swap: ({chroot}) => [join(chroot, 'debootstrap'), join(chroot, libs), join(chroot, 'debootstrap/link')],
    prepare: async (ground) => {
      await installed(ground);
      link(join(ground.outside, 'private'), join(ground.chroot, 'debootstrap/link'));
    },
    act: ({chroot}) => verifyBundle(chroot),
  },
  {
    title: 'chroot create, a directory above',
    swap: ({home}) => [home, join(home, 'above'), join(home, 'link')],
    prepare: ({home, outside}) => {
      own(join(home, 'above'), (path) => mkdirSync(path));
      link(outside, join(home, 'link'));
    },
    act: (ground) => create(ground, join(ground.home, 'above/new')),
  },
  {
    title: 'chroot create, in a world-writable directory',
    swap: (ground) => ['arrival', join(into(ground), 'new'), join(into(ground), 'other')],
    prepare: (ground) => {
      mkdirSync(into(ground));
      chmodSync(into(ground), 0o1777);
      own(join(into(ground), 'other'), (path) => mkdirSync(path));
    },
    act: (ground) => create(ground, join(into(ground), 'new')),
  },
];

/** Use a fake debootstrap that only shows where it was directed: the real one would need a mirror, and minutes. */
async function create({base}: Ground, target: string): Promise<unknown> {
  const {PATH} = process.env;
  const bin = join(base, 'bin');
  mkdirSync(bin, {recursive: true});
  // The directory is the last word, after the suite.
  writeFileSync(
    join(bin, 'debootstrap'),
    '#!/bin/sh\nfor target; do :; done; mkdir -p "$target/debootstrap"; exit 3\n',
    {
      mode: 0o755,
    },
  );
  try {
    process.env.PATH = `${bin}:${PATH}`;
    return await createChroot('bookworm', target, {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    });
  } catch (error) {
    if (error instanceof ElfError && error.code === 'COMMAND_FAILED') return 'debootstrap was run';
    throw error;
  } finally {
    process.env.PATH = PATH;
  }
}

export interface Score {
  readonly rounds: number;
  /** How often the user exchanged the names. */
  readonly swaps: number;
  /** Rounds that ended with an error of ours. */
  readonly refused: number;
  /** What the user got, in words. */
  readonly lost: readonly string[];
}

/** Fight a duel in an empty directory of root's, until there are enough rounds. */
export async function fight(
  {swap, prepare, act}: Duel,
  base: string,
  enough: (rounds: number) => boolean,
): Promise<Score> {
  const ground = makeGround(base);
  const swapper = compileSwapper(base);
  await reset(ground, prepare);
  const before = snapshot(ground.outside);
  const [watched, a, b] = swap(ground);
  const child = spawn(swapper, [String(user), watched, a, b], {stdio: ['ignore', 'pipe', 'inherit']});
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(child.stdout, 'data');
  const treasures = b.endsWith('/treasury') ? 2 : 0;
  const lost: string[] = [];
  let [rounds, refused] = [0, 0];
  for (; !enough(rounds); rounds += 1) {
    halt(child);
    await reset(ground, prepare);
    child.kill('SIGCONT');
    let told = '';
    try {
      told = JSON.stringify(await act(ground), (_, value) => (typeof value === 'bigint' ? 0 : value)) ?? '';
    } catch (error) {
      if (!(error instanceof ElfError)) throw error;
      told = error.message;
      refused += 1;
    }
    halt(child);
    lost.push(...losses(ground, {before, treasures}, told));
    if (lost.length > 0 && snapshot(ground.outside) !== before) break;
  }
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  await once(child, 'close');
  return {rounds, refused, lost, swaps: Number(said.replace('ready', ''))};
}

function makeGround(base: string): Ground {
  const [home, outside, emulator] = [join(base, 'home'), join(base, 'outside'), join(base, 'qemu-arm')];
  own(home, (path) => mkdirSync(path));
  mkdirSync(outside);
  copyFileSync(fixture('x86_64/hello-static').path, emulator);
  writeFileSync(join(outside, 'secret'), secret, {mode: 0o600});
  mkdirSync(join(outside, 'private'), {mode: 0o700});
  writeFileSync(join(outside, 'private', secret), '', {mode: 0o600});
  // A directory that everybody may list; in it, after a public file, one that only root may list.
  mkdirSync(join(outside, 'shelf/private'), {recursive: true});
  chmodSync(join(outside, 'shelf/private'), 0o700);
  writeFileSync(join(outside, 'shelf/a'), '');
  writeFileSync(join(outside, 'shelf/private', secret), '');
  symlinkSync(secret, join(outside, 'shelf/private/link'));
  writeFileSync(join(outside, 'shelf/secret'), secret, {mode: 0o600});
  writeFileSync(join(outside, 'program'), Buffer.concat([readFileSync(emulator), Buffer.from(secret)]), {
    mode: 0o700,
  });
  mkdirSync(join(outside, libs), {recursive: true});
  for (const name of ['debootstrap/qemu-arm', `${libs}/manifest.json`])
    writeFileSync(join(outside, name), secret, {mode: 0o600});
  return {base, home, outside, emulator, chroot: join(home, 'chroot')};
}

/** Call this only while the user is stopped. */
async function reset(ground: Ground, prepare: Duel['prepare']): Promise<void> {
  for (const directory of [into(ground), ...readdirSync(ground.home).map((name) => join(ground.home, name))])
    rmSync(directory, {recursive: true, force: true});
  own(ground.chroot, (path) => mkdirSync(path));
  own(join(ground.chroot, 'var'), (path) => mkdirSync(join(path, 'lib/dpkg'), {recursive: true}));
  writeFileSync(join(ground.chroot, 'var/lib/dpkg/arch'), 'armel\n');
  await prepare(ground);
}

/** Install a bundle in a directory of the user's. */
async function installed({chroot, emulator}: Ground): Promise<void> {
  own(join(chroot, 'debootstrap'), (path) => mkdirSync(path));
  await installEmulator(chroot, [emulator]);
}

/** A directory of root's inside one of the user's, who may only rename it. */
export function treasury(directory: string): void {
  mkdirSync(join(directory, 'treasury/new'), {recursive: true, mode: 0o700});
  writeFileSync(join(directory, 'treasury/new/treasure'), secret);
  writeFileSync(join(directory, 'treasury/treasure'), secret);
}

function losses(
  {base, home, outside}: Ground,
  {before, treasures}: {before: string; treasures: number},
  told: string,
): string[] {
  const kept = filesBelow(home).filter((path) => path.endsWith('/treasure')).length;
  const carried = [...filesBelow(join(base, 'into')), ...filesBelow(home)].filter(
    (path) => !path.endsWith('/treasure') && readFileSync(path).includes(secret),
  );
  // Where everybody may make directories, root must work only in its own.
  const worked = directoriesIn(join(base, 'into')).filter(
    (path) => lstatSync(path).uid === user && existsSync(join(path, 'debootstrap')),
  );
  return [
    ...(snapshot(outside) === before ? [] : ['what is outside was changed']),
    ...(told.includes(secret) ? ['what is outside was told'] : []),
    ...(kept === treasures ? [] : ['a treasure was removed']),
    ...worked.map((path) => `root worked in ${path}`),
    ...carried.map((path) => `the secret is in ${path}`),
  ];
}

function directoriesIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, {withFileTypes: true});
  return entries.flatMap((entry) => (entry.isDirectory() ? [join(directory, entry.name)] : []));
}

function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

function snapshot(directory: string): string {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .sort()
    .map((name) => {
      const {ino, size, mode, mtimeNs, ctimeNs} = lstatSync(join(directory, name), {bigint: true});
      return `${name} ${ino} ${size} ${mode} ${mtimeNs} ${ctimeNs}`;
    })
    .join('\n');
}

/** Make something that belongs to the user. */
export function own(path: string, make: (path: string) => unknown): void {
  make(path);
  chownSync(path, user, user);
}

export function link(target: string, path: string): void {
  symlinkSync(target, `${path}.new`);
  renameSync(`${path}.new`, path);
  // It is the user who made it.
  output('chown', ['-h', `${user}:${user}`, path]);
}

/** Stop the user's process, and wait until it has stopped. */
function halt({pid}: {readonly pid?: number | undefined}): void {
  process.kill(pid ?? 0, 'SIGSTOP');
  for (let state = ''; state !== 'T' && state !== 'Z'; ) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    state = stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
  }
}

function compileSwapper(directory: string): string {
  const swapper = join(directory, 'swapper');
  output('gcc', ['-O1', '-o', swapper, join(projectDirectory, 'test/containment/swapper.c')]);
  return swapper;
}
