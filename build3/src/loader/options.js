import {ElfError} from '../errors.js';
/** Fill in the defaults. @throws ElfError BAD_REQUEST for a hwcaps level that the loader does not know */
export function settingsOf(options, facts, machine) {
  return {
    libraryPath: options.libraryPath,
    hwcaps: hwcapsUpTo(options.hwcaps, facts),
    platform: options.platform ?? usualPlatform[machine.e_machine],
    secure: options.secure ?? false,
    inhibitCache: options.inhibitCache ?? false,
  };
}
function hwcapsUpTo(best, {hwcaps}) {
  if (best === undefined || hwcaps.length === 0) return [];
  if (!hwcaps.includes(best)) {
    throw new ElfError('BAD_REQUEST', 'the loader does not know this hwcaps level', {
      expected: hwcaps.join(', '),
      got: best,
      value: best,
    });
  }
  return hwcaps.slice(hwcaps.indexOf(best));
}
/** AT_PLATFORM where it is the same on nearly all machines of an architecture. */
const usualPlatform = {
  3: 'i686',
  21: 'power8',
  22: 'z13',
  40: 'v7l',
  62: 'x86_64',
  183: 'aarch64',
};
//# sourceMappingURL=options.js.map
