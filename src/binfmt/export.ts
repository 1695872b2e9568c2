/*
 * A registration in the formats of the tools that register entries at boot.
 */
import {escapeBytes, formatRegistration, type Registration} from './registration.js';

/** The tool that registers it at boot: systemd-binfmt, or Debian's update-binfmts. */
export type ExportFormat = 'binfmt.d' | 'update-binfmts';

/**
 * Print a registration as a line for /etc/binfmt.d (binfmt.d(5)), or as a file for `update-binfmts --import`
 * (update-binfmts(8), "FORMAT FILES"); such a file has the name of the entry.
 *
 * @throws ElfError BAD_REQUEST when the kernel would refuse it
 */
export function exportRegistration(registration: Registration, format: ExportFormat): string {
  const line = formatRegistration(registration);
  return format === 'binfmt.d' ? `${line}\n` : formatForUpdateBinfmts(registration);
}

function formatForUpdateBinfmts({match, interpreter, flags}: Registration): string {
  const lines =
    match.type === 'magic'
      ? [
          ...(match.offset === 0 ? [] : [`offset ${match.offset}`]),
          `magic ${escapeBytes(match.magic)}`,
          ...(match.mask === undefined ? [] : [`mask ${escapeBytes(match.mask)}`]),
        ]
      : [`extension ${match.extension}`];
  const yes = (flag: string) => (flags.includes(flag) ? 'yes' : 'no');
  return [
    'package elfinterp',
    `interpreter ${interpreter}`,
    ...lines,
    `credentials ${yes('C')}`,
    `preserve ${yes('P')}`,
    `fix_binary ${yes('F')}`,
    '',
  ].join('\n');
}
