/*
 * Why does it not run? The kernel has four answers for a dozen causes; here each cause is looked for where it shows.
 * Nothing is changed, and nothing of the chroot is run.
 */
import {Root} from '../../loader/root.js';
import {requireProc} from '../../source/descriptor.js';
import {findArchitecture} from '../architecture.js';
import type {BundlePlace} from '../manifest.js';
import {examineEmulator} from './bundle.js';
import type {Finding} from './finding.js';
import {examineHost} from './host.js';
import {examineSystem} from './system.js';
import {examineTable, type Guest} from './table.js';

/**
 * Look for everything that keeps the programs of a chroot from running; without a chroot, check only this machine.
 *
 * @returns findings, the broken ones first
 * @throws ElfError FILE_SYSTEM when there is no such directory, UNSUPPORTED without /proc
 * @example
 *   for (const {severity, code, what} of diagnose('./chroot')) console.log(severity, code, what);
 */
export function diagnose(chroot?: string, place: BundlePlace = {}): readonly Finding[] {
  requireProc('examine this machine');
  const findings =
    chroot === undefined ? [...examineHost(), ...examineTable(undefined)] : examineChroot(chroot, place);
  const order = ['broken', 'doubtful', 'fine'];
  return [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

function examineChroot(chroot: string, place: BundlePlace): readonly Finding[] {
  const root = new Root(chroot);
  const architecture = findArchitecture(root);
  const emulator = examineEmulator(root, architecture, place);
  const target = architecture?.isNative ? undefined : architecture?.targets[0];
  const guest: Guest | undefined = target && {root, target, hasEmulator: emulator.hasEmulator};
  return [
    ...examineSystem(root, architecture),
    ...emulator.findings,
    ...examineTable(guest),
    ...examineHost(),
  ];
}
