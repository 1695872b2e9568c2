/*
 * The table of a namespace of ours (namespace.ts), mounted by its shell and filled from outside.
 */
import {release} from 'node:os';
import {hasPrivateTables} from '../binfmt/mount.js';
import type {Registration} from '../binfmt/registration.js';
import {type BinfmtEntry, register} from '../binfmt/registry.js';
import {ElfError} from '../errors.js';
import {registerAgain} from './host-entries.js';
import {binfmtMountPoint, binfmtStep} from './mounts.js';
import type {Namespace} from './namespace.js';

/** What goes into a private table. */
interface TableContent {
  readonly registrations: readonly Registration[];
  /** The entries of the table that it hides. */
  readonly hostEntries: readonly BinfmtEntry[];
  readonly onWarning: (message: string) => void;
}

/** Fill a namespace's own table, reached through the root directory of a process in it. */
export function fillTable(namespace: Namespace, {registrations, hostEntries, onWarning}: TableContent): void {
  const table = `/proc/${namespace.pid}/root${binfmtMountPoint}`;
  registerAgain(table, hostEntries, new Set(registrations.map(({name}) => name)), onWarning);
  // Last, because the newest entry that matches wins.
  for (const registration of registrations) register(table, registration);
}

/** The kernel reports "permission denied" both for what it does not support and for what it is configured to forbid. */
export function explainMount(error: unknown): never {
  if (!(error instanceof ElfError) || error.value !== binfmtStep) throw error;
  throw new ElfError('UNSUPPORTED', 'the user namespace does not get its own binfmt_misc table', {
    expected: hasPrivateTables() ? needsPermission : needsNewKernel,
    got: `Linux ${release()}, ${error.message}`,
    cause: error,
  });
}

const needsNewKernel =
  'Linux 6.7 or later; on older kernels, register the emulator for the whole machine (elfinterp binfmt register qemu-TARGET --global) and run with --global';
const needsPermission =
  'CONFIG_BINFMT_MISC, and permission to mount in user namespaces (kernel.apparmor_restrict_unprivileged_userns=0, no container that forbids it)';
