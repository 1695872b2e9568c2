import {constants} from 'node:os';
import {ElfError} from '../errors.js';
import {quoted} from '../source/shell-word.js';
import {findLog} from './debootstrap.js';

/** What a shell reports for a command that Ctrl-C, a closed terminal or kill(1) ended. */
const interruptions = [
  128 + constants.signals.SIGHUP,
  128 + constants.signals.SIGINT,
  128 + constants.signals.SIGTERM,
];

const remedies = {
  first: () => 'you can retry with the same directory',
  second: (target: string) =>
    `to continue, run chroot create --resume ${quoted(target)} (with --keep if needed); to remove the emulator, chroot remove`,
} as const;

/** The error of a stage that ended with a status other than 0. */
export function stageFailed(stage: keyof typeof remedies, target: string, status: number): ElfError {
  const log = findLog(target);
  const what = `debootstrap's ${stage} stage ${interruptions.includes(status) ? 'was interrupted' : 'failed'}`;
  return new ElfError('COMMAND_FAILED', `${what}; ${remedies[stage](target)}`, {
    path: log ?? target,
    expected: 'exit status 0',
    got: String(status),
    value: status,
  });
}
