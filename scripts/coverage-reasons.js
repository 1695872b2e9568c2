/*
 * Why no test runs certain lines. A reason takes its lines by what they say and where, so that it goes away with them.
 */

const isIn =
  (...places) =>
  ({file}) =>
    places.some((place) => file.startsWith(`src/${place}`));
const says =
  (pattern) =>
  ({text}) =>
    pattern.test(text);
const both =
  (...tests) =>
  (stretch) =>
    tests.every((test) => test(stretch));
const either =
  (...tests) =>
  (stretch) =>
    tests.some((test) => test(stretch));

/** @type {{title: string, why: string, lines: (stretch: {file: string, text: string}) => boolean}[]} */
export const reasons = [
  {
    title: 'Mistakes of elfinterp itself',
    why: `The checker stands between a plan and the file, and refuses a plan that breaks a rule; where a test knew such a
plan, the planner would be mended. What was not thrown on purpose is passed on as it is.`,
    lines: either(
      says(/^\s*(if \(!\(error instanceof ElfError\)\) )?throw error;/),
      both(isIn('edit/check-'), says(/failCheck|fail\(|CHECK_FAILED|^\s*before,$/m)),
      both(isIn('edit/'), says(/explainFailedCheck|CHECK_FAILED|internal error/)),
    ),
  },
  {
    title: 'The operating system refuses',
    why: `A system call fails that seldom does: no space, no memory, an I/O error, a directory without rights. The tests
that run as another user and on a full file system reach some of these, root is refused almost nothing.`,
    lines: says(
      /systemError|FILE_SYSTEM|ENOSPC|EACCES|EPERM|EXDEV|EINTR|errno|\.code|close\(2\)|closeQuietly|error\.at\(|Something is in it|The error that led here/,
    ),
  },
  {
    title: 'Other kernels, other machines',
    why: `Taken only where the machine is another one than that of the tests: a kernel before 6.7, no subordinate ids, user
namespaces that are forbidden, binfmt_misc not mounted, an emulator or a tool that is missing.`,
    lines: either(
      isIn('binfmt/mount.ts', 'chroot/doctor/', 'chroot/idmap.ts', 'chroot/tools.ts', 'chroot/outer.ts'),
      isIn('elf/machine.ts', 'chroot/find-emulator.ts', 'write/copy.ts', 'loader/machine'),
      both(isIn('bundle/lock.ts'), says(/\$\{pid\}-/)),
      both(isIn('loader/glibc.ts'), says(/empty dynamic string token/)),
      both(isIn('chroot/', 'binfmt/'), says(/UNSUPPORTED|NOT_FOUND|onWarning|qemuTargets/)),
    ),
  },
  {
    title: 'Run while the project is built',
    why: `The manual pages are made by scripts/build.js out of a bundle of its own, in which coverage cannot see these files.
The tests read the pages.`,
    lines: isIn('cli/help/man.ts', 'cli/help/drop-ins.ts'),
  },
  {
    title: 'Words for what yargs may say one day',
    why: `Every complaint that yargs has today is put into our words; another one would be shown as it is.`,
    lines: both(isIn('cli/complaints.ts'), says(/return line\./)),
  },
  {
    title: 'Between two looks',
    why: `Something changes while it is looked at: a process ends, a file goes away. The window is too small to hit on purpose.`,
    lines: either(
      isIn('chroot/signals.ts', 'chroot/in-use.ts'),
      says(/CHANGED|a moment ago/),
      both(isIn('bundle/staging.ts'), says(/directoryInTheWay/)),
    ),
  },
  {
    title: 'The end of a loop without end',
    why: `The compiler keeps a way out there that nothing takes.`,
    lines: says(/^\s*}\s*$/),
  },
  {
    title: 'Damage that no test makes',
    why: `Files that no linker makes: a table that is too long, a count that cannot be, ranges that lie over one another.
The fuzzer makes them at random; which of these lines its few thousand inputs in the tests reach depends on their seed.`,
    lines: either(
      says(
        /ElfError\(\s*'?(BAD_ELF|TRUNCATED|UNSAFE_EDIT|NO_ROOM|UNSUPPORTED|BAD_MANIFEST)|\.#bad\(|badString|noRoom\(/,
      ),
      both(isIn('elf/check', 'edit/damage.ts'), says(/./)),
    ),
  },
  {
    title: 'What cannot be read is passed over',
    why: `A file in the way that is no ELF file, is damaged or may not be read does not stop a search: the next one counts.`,
    lines: either(
      says(/^\s*(\/\/.*\n\s*)?return (undefined|false|\[\]|'');?\s*\}?\s*$/),
      says(/^\s*if \(error instanceof ElfError\) return/),
    ),
  },
];
