/*
 * Faults of bundles and chroots: some of the points that scripts/fault-walk.js walks, in a fixed order, for
 * ELFINTERP_FAULT_SECONDS seconds in each scenario; and faults of real disks.
 */
import {mkdirSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {verifyBundle} from '../../src/chroot/verify.js';
import {elfinterp, program} from '../helpers/cli.js';
import {place} from '../helpers/place.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';
import {chrootScenarios} from './chroots.js';
import {listPoints, type Point, runPoints} from './walk.js';

const seconds = Number(process.env.ELFINTERP_FAULT_SECONDS ?? 8);

for (const scenario of chrootScenarios) {
  test.serial(
    `the old state or the new one, whatever fails: ${scenario.name}`,
    withTools(async (t) => {
      t.timeout(1_800_000);
      const points = interleave(await listPoints(scenario));
      const counts = {old: 0, new: 0, missed: 0, damaged: 0};
      const damaged: string[] = [];
      for (const end = Date.now() + seconds * 1000; Date.now() < end && points.length > 0; ) {
        for (const {state, point, problem} of await runPoints(scenario, points.splice(0, 4))) {
          counts[state] += 1;
          if (state === 'damaged') damaged.push(`${point.call}#${point.nth} ${point.fault}: ${problem}`);
        }
      }
      t.deepEqual(damaged, []);
      t.log(`points walked: ${counts.old + counts.new}, old: ${counts.old}, new: ${counts.new}, damaged: 0`);
      t.true(counts.old > 0);
    }),
  );
}

/** Put calls that change something first, and take every seventh in turn, so that a partial walk covers everything. */
function interleave(points: readonly Point[]): Point[] {
  const changes = (point: Point) =>
    /^(rename|link|unlink|rmdir|mkdir|symlink|clone|socketpair)/.test(point.call);
  const [first, rest] = [points.filter(changes), points.filter((point) => !changes(point))];
  return [...every(first, 7), ...every(rest, 7)];
}

function every(points: readonly Point[], step: number): Point[] {
  return Array.from({length: step}, (_, i) => points.filter((_point, j) => j % step === i)).flat();
}

/** Run an elfinterp command on a file system of this many kilobytes, with or without an existing bundle. */
function onFullDisk(t: ExecutionContext, kilobytes: number, withBundle: boolean) {
  const directory = tempDirectory(t);
  const script = `
    set -e
    mount -t tmpfs -o size=64m,mode=755 tmpfs "$1"
    mkdir "$1/root"
    if [ "$5" = yes ]; then "$2" "$3" chroot install --arch armel "$1/root" /bin/true; fi >/dev/null
    used=$(df --output=used -k "$1" | tail -n 1)
    mount -o remount,size=$((used + $4))k "$1"
    "$2" "$3" chroot install --arch armel "$1/root" /bin/false >/dev/null && status=0 || status=$?
    ls -A "$1/root"
    if [ -e "$1/root/debootstrap/qemu-libs/manifest.json" ]; then
      "$2" "$3" chroot verify "$1/root" >&2 && echo whole
      ls "$1/root/debootstrap"
    fi
    exit $status`;
  const words = [directory, process.execPath, program, String(kilobytes), withBundle ? 'yes' : 'no'];
  return run('unshare', ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...words]);
}

test(
  'a disk that is full at any moment of an install leaves the bundle that was there, or none, and nothing else',
  withTools((t) => {
    t.timeout(1_800_000);
    const ends = {refused: 0, done: 0};
    for (const withBundle of [false, true]) {
      for (const kilobytes of [0, 4, 64, 200, 260, 1000, 2000, 2200, 2400, 2600, 9000]) {
        const {status, stdout, stderr} = onFullDisk(t, kilobytes, withBundle);
        const what = `${kilobytes} kilobytes: ${stdout} ${stderr}`;
        t.true(status === 0 || status === 1, what);
        if (status === 1) t.regex(stderr, /no space left on device/, what);
        ends[status === 0 ? 'done' : 'refused'] += 1;
        t.notRegex(stdout, /\.elfinterp-/, what);
        const names = [...(withBundle || status === 0 ? ['debootstrap', 'whole', 'qemu-libs'] : [])];
        // The program for the same target is replaced.
        const programs = status === 0 ? ['false'] : withBundle ? ['true'] : [];
        t.deepEqual(stdout.trim().split('\n').filter(Boolean).sort(), [...names, ...programs].sort(), what);
      }
    }
    t.log(`disks: ${ends.refused} full, ${ends.done} with room, lost or damaged: 0`);
    t.true(ends.refused > 5 && ends.done > 1);
  }),
);

const there = ['--prefix', place.prefix, '--libs', place.libs];

test(
  'a limit on the size of files leaves the bundle that was there',
  withTools((t) => {
    for (const kilobytes of [1, 20, 100, 1000]) {
      const root = tempDirectory(t);
      mkdirSync(join(root, 'bin'));
      t.is(elfinterp(['bundle', '/bin/true', '--into', root, ...there]).status, 0);
      const limited = `ulimit -f ${kilobytes * 2}; exec "$@"`;
      const words = [process.execPath, program, 'bundle', '/bin/false', '--into', root, ...there];
      const {status, signal, stderr} = run('sh', ['-c', limited, 'sh', ...words]);
      t.true(status === 1 || signal !== null, stderr);
      if (status === 1) t.regex(stderr, /file too large/);
      if (signal === null) t.deepEqual(readdirSync(root).sort(), ['bin', 'debootstrap']);
      t.deepEqual(verifyBundle(root).problems, []);
      t.is(elfinterp(['bundle', '/bin/false', '--into', root, ...there]).status, 0);
      t.deepEqual(readdirSync(root).sort(), ['bin', 'debootstrap']);
      t.is(verifyBundle(root).manifest.programs.length, 2);
    }
  }),
);
