/*
 * A process that swaps a directory of the root for a link, and back, thousands of times a second, while each command
 * goes through it. What was checked is then not what is used; even so, nothing outside may be read or changed. Each
 * race runs for some seconds, because the wrong moment cannot be predicted.
 */
import {type ChildProcessByStdio, spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import type {Readable} from 'node:stream';
import test, {type ExecutionContext} from 'ava';
import {bundle} from '../../src/bundle/bundle.js';
import {findArchitecture} from '../../src/chroot/architecture.js';
import {rewindSecondStage} from '../../src/chroot/debootstrap.js';
import {diagnose} from '../../src/chroot/doctor/diagnose.js';
import {installEmulator} from '../../src/chroot/install.js';
import {removeBundle} from '../../src/chroot/remove.js';
import {verifyBundle} from '../../src/chroot/verify.js';
import {ElfError} from '../../src/errors.js';
import {resolveTree} from '../../src/loader/resolve-tree.js';
import {Root} from '../../src/loader/root.js';
import {projectDirectory} from '../helpers/cli.js';
import {edit} from '../helpers/edits.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {filesWithSecret, makePlace, type Place, secret, snapshot} from './place.js';

interface Race {
  readonly withBundle: boolean;
  /** The directory of the root that is swapped for a link to its counterpart; `staging` for every staging directory. */
  readonly swapped: string;
  /** Make what is outside worth reaching. */
  prepare?(place: Place): void;
  run(place: Place): unknown;
  /** Whether the root has to be recreated after each round. */
  readonly changes: boolean;
}

const staging = '.elfinterp-staging-1-x';

const races: Readonly<Record<string, Race>> = {
  'tree reads a library': {
    withBundle: false,
    swapped: 'opt/mine',
    prepare: ({root, outside}) => {
      const library = readFileSync(join(root, 'opt/mine/libmine.so'));
      writeFileSync(join(outside, 'opt/mine/libmine.so'), edit(library, {addNeeded: [secret.trim()]}));
    },
    run: ({root}) => resolveTree('/bin/p', {root}),
    changes: false,
  },
  'bundle carries a data file': {
    withBundle: false,
    swapped: 'etc',
    run: ({root, into}) => bundle(['/bin/p'], {...place, root, into, files: [{source: '/etc/data'}]}),
    changes: true,
  },
  'the architecture is read': {
    withBundle: false,
    swapped: 'var/lib/dpkg',
    prepare: ({outside}) => writeFileSync(join(outside, 'var/lib/dpkg/arch'), secret.trim()),
    run: ({root}) => findArchitecture(new Root(root)),
    changes: false,
  },
  'chroot install writes': {
    withBundle: false,
    swapped: 'debootstrap',
    run: ({root, emulator}) => installEmulator(root, [emulator]),
    changes: true,
  },
  'chroot install stages': {
    withBundle: false,
    swapped: 'staging',
    run: ({root, emulator}) => installEmulator(root, [emulator]),
    changes: true,
  },
  'chroot install replaces': {
    withBundle: true,
    swapped: 'debootstrap',
    run: ({root}) => installEmulator(root, ['/bin/cat']),
    changes: true,
  },
  'chroot verify and doctor read': {
    withBundle: true,
    swapped: 'debootstrap',
    prepare: ({outside}) => writeFileSync(join(outside, 'debootstrap/qemu-libs', secret.trim()), ''),
    run: ({root}) => [verifyBundle(root), diagnose(root)],
    changes: false,
  },
  'chroot remove deletes': {
    withBundle: true,
    swapped: 'debootstrap',
    // The very same bundle, so that no hash tells the two apart.
    prepare: ({root, outside}) => {
      rmSync(join(outside, 'debootstrap'), {recursive: true});
      cpSync(join(root, 'debootstrap'), join(outside, 'debootstrap'), {recursive: true});
    },
    run: ({root}) => removeBundle(root, {force: true}),
    changes: true,
  },
  'the remains of a run are cleared away': {
    withBundle: true,
    swapped: `${staging}/new/deeper`,
    prepare: ({outside}) => {
      for (let i = 0; i < 200; i++) writeFileSync(mkdirs(join(outside, staging, 'new/deeper', `${i}/f`)), '');
    },
    run: ({root}) => {
      for (let i = 0; i < 200; i++) writeFileSync(mkdirs(join(root, staging, `new/${i}`)), '');
      chmodSync(join(root, staging), 0o700);
      removeBundle(root, {force: true});
    },
    changes: true,
  },
  'an interrupted second stage is rewound': {
    withBundle: false,
    swapped: 'var/lib',
    run: ({root}) => rewindSecondStage(new Root(root)),
    changes: false,
  },
};

const seconds = Number(process.env.ELFINTERP_RACE_SECONDS ?? 2);

for (const [title, race] of Object.entries(races)) {
  test.serial(
    `no escape by a race: ${title}`,
    withTools(async (t) => {
      const place = await makePlace(tempDirectory(t), race.withBundle);
      race.prepare?.(place);
      const before = snapshot(place.outside);
      const racer = compileRacer(t);
      const counts = {rounds: 0, refused: 0, swaps: 0};
      for (const end = Date.now() + seconds * 1000; Date.now() < end; counts.rounds += 1) {
        if (race.changes || counts.rounds === 0) place.reset();
        const {refused, swaps} = await runRace(t, race, place, racer);
        counts.swaps += swaps;
        if (refused) counts.refused += 1;
        t.is(snapshot(place.outside), before, 'what is outside was changed');
        t.deepEqual(filesWithSecret(place.into), [], 'what is outside was carried away');
        if (race.swapped === 'staging') t.deepEqual(filesWithSecret(place.root), []);
      }
      const {rounds, refused, swaps} = counts;
      t.log(`races run: ${rounds}, names swapped: ${swaps}, refused with an error: ${refused}, escaped: 0`);
      t.true(swaps > 0, 'the racer never won a swap');
    }),
  );
}

function compileRacer(t: ExecutionContext): string {
  const racer = join(tempDirectory(t), 'racer');
  output('gcc', ['-O1', '-o', racer, join(projectDirectory, 'test/containment/racer.c')]);
  return racer;
}

/** One round: the racer runs from before the command starts until it has ended. */
async function runRace(t: ExecutionContext, {swapped, run}: Race, place: Place, program: string) {
  const racer = spawn(program, argumentsFor(swapped, place), {stdio: ['ignore', 'pipe', 'inherit']});
  await once(racer, 'spawn');
  let refused = false;
  try {
    const text =
      JSON.stringify(await run(place), (_, value) => (typeof value === 'bigint' ? 0 : value)) ?? '';
    t.false(text.includes(secret.trim()), 'what is outside was told');
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    t.false(error.message.includes(secret.trim()), error.message);
    refused = true;
  }
  return {refused, swaps: await endOf(racer)};
}

function argumentsFor(swapped: string, {root, outside}: Place): string[] {
  if (swapped === 'staging') return ['staging', root, outside];
  const [name, link] = [join(root, swapped), join(root, 'link-outside')];
  if (lstatSync(link, {throwIfNoEntry: false}) === undefined) {
    mkdirSync(name, {recursive: true});
    symlinkSync(join(outside, swapped), link);
  }
  return ['swap', name, link];
}

async function endOf(racer: ChildProcessByStdio<null, Readable, null>): Promise<number> {
  let text = '';
  racer.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  racer.kill('SIGTERM');
  await once(racer, 'close');
  return Number(text);
}

function mkdirs(path: string): string {
  mkdirSync(dirname(path), {recursive: true});
  return path;
}
