/*
 * Why no test runs certain lines. A reason selects lines by their text and file, so it disappears with them.
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
    title: 'Errors in elfinterp itself',
    why: `The checker refuses a plan that breaks a rule before it is written. If a test found such a plan, the planner would be
fixed. Unexpected exceptions are rethrown.`,
    lines: either(
      says(/^\s*(if \(!\(error instanceof ElfError\)\) )?throw error;/),
      both(isIn('edit/check/'), says(/failCheck|fail\(|CHECK_FAILED|^\s*before,$/m)),
      both(isIn('edit/'), says(/explainFailedCheck|CHECK_FAILED|internal error/)),
    ),
  },
  {
    title: 'Errors from the operating system',
    why: `System calls that rarely fail: no space, no memory, an I/O error, a directory without permissions. The tests that run
as another user and on a full file system reach some of these; root is almost never denied anything.`,
    lines: says(
      /systemError|FILE_SYSTEM|ENOSPC|EACCES|EPERM|EXDEV|EINTR|errno|\.code|close\(2\)|closeQuietly|error\.at\(|Something is in it|The error that led here/,
    ),
  },
  {
    title: 'Other kernels, other machines',
    why: `Run only on machines that differ from the test machine: a kernel before 6.7, no subordinate ids, user namespaces
disabled, binfmt_misc not mounted, an emulator or a tool missing.`,
    lines: either(
      isIn(
        'binfmt/mount.ts',
        'chroot/doctor/',
        'chroot/idmap.ts',
        'chroot/tools.ts',
        'chroot/host-entries.ts',
      ),
      isIn('elf/machine.ts', 'chroot/find-emulator.ts', 'write/copy.ts'),
      both(isIn('bundle/lock.ts'), says(/\$\{pid\}-/)),
      both(isIn('loader/glibc.ts'), says(/empty dynamic string token/)),
      both(isIn('chroot/', 'binfmt/'), says(/UNSUPPORTED|NOT_FOUND|onWarning|qemuTargets/)),
    ),
  },
  {
    title: 'Run only during the build',
    why: `scripts/build.js makes the manual pages from a separate bundle, where coverage cannot see these files. The tests read
the pages.`,
    lines: isIn('cli/help/man.ts', 'cli/help/drop-ins.ts'),
  },
  {
    title: 'Unknown messages of yargs',
    why: `All current messages of yargs are reworded; a new one would be shown unchanged.`,
    lines: both(isIn('cli/complaints.ts'), says(/return line\./)),
  },
  {
    title: 'Race conditions',
    why: `Something changes during an operation: a process ends, a file disappears. The window is too small to hit on purpose.`,
    lines: either(
      isIn('chroot/signals.ts', 'chroot/in-use.ts'),
      says(/CHANGED|a moment ago/),
      both(isIn('change/steps.ts'), says(/requireFile|requireInode/)),
    ),
  },
  {
    title: 'The end of an infinite loop',
    why: `The compiler emits an exit that is never taken.`,
    lines: says(/^\s*}\s*$/),
  },
  {
    title: 'Damage that no test creates',
    why: `Files that no linker creates: a table that is too long, an impossible count, ranges that overlap. The fuzzer creates
them at random; which of these lines its few thousand inputs in the tests reach depends on their seed.`,
    lines: either(
      says(
        /ElfError\(\s*'?(BAD_ELF|TRUNCATED|UNSAFE_EDIT|NO_ROOM|UNSUPPORTED|BAD_MANIFEST)|\.#bad\(|badString|noRoom\(/,
      ),
      both(isIn('elf/check', 'edit/damage.ts'), says(/./)),
    ),
  },
  {
    title: 'Unreadable files are skipped',
    why: `A file that is not ELF, is damaged or is not readable does not stop a search: the next one is tried.`,
    lines: either(
      says(/^\s*(\/\/.*\n\s*)?return (undefined|false|\[\]|'');?\s*\}?\s*$/),
      says(/^\s*if \(error instanceof ElfError\) return/),
    ),
  },
];
