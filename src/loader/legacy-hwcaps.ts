/*
 * Until glibc 2.36 a directory `D` was also searched as `D/tls/PLATFORM`, `D/tls`, `D/PLATFORM`, and so on: every
 * combination of `tls`, the platform and the CPU features that the loader considers important (elf/dl-hwcaps.c,
 * _dl_important_hwcaps). 2.37 dropped it. Which features a CPU has is not known here; x86 and ARM are assumed to have
 * those of every machine on which such directories were ever used.
 */
import type {MachineFacts} from '../elf/machine.js';
import {isGlibcBefore, type LoaderFacts} from './loader-facts.js';

/** The subdirectories, best first, each with its slash. */
export function legacySubdirectories(
  facts: Pick<LoaderFacts, 'version'>,
  machine: MachineFacts,
  platform: string | undefined,
): string[] {
  if (!isGlibcBefore(37, facts)) return [];
  const names = [
    ...(featureNames[machine.e_machine] ?? []),
    ...(platform === undefined ? [] : [platform]),
    'tls',
  ];
  const combinations = new Set<string>();
  for (let bits = (1 << names.length) - 1; bits > 0; bits--) {
    const chosen = names.filter((_, i) => (bits & (1 << i)) !== 0).reverse();
    combinations.add(`${chosen.join('/')}/`);
  }
  return [...combinations];
}

/** The hwcap bits that an entry of ld.so.cache may have and still be used: tls and the platform. */
export function legacyHwcapBits(facts: Pick<LoaderFacts, 'version'>, {e_machine}: MachineFacts): bigint {
  return isGlibcBefore(37, facts) ? (1n << 63n) | (featureBits[e_machine] ?? 0n) : 0n;
}

const featureNames: Readonly<Record<number, readonly string[]>> = {
  3: ['sse2'],
  40: ['vfp', 'neon'],
  62: ['x86_64'],
};
const featureBits: Readonly<Record<number, bigint>> = {3: 1n, 40: 0x1040n, 62: 2n};
