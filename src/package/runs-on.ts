/*
 * What floors mean in names that people know: which releases of which distributions have libraries that are new enough.
 */
import type {Family, Floor} from './floor.js';
import {type Distribution, distributions} from './platforms.js';
import {compareVersions} from './version-numbers.js';

/** Where a file or a package runs, as far as its floors show. */
export interface RunsOn {
  /** The oldest release of each series that is new enough, as in "Debian 12". */
  readonly oldest: readonly string[];
  /** The newest release of each series that is too old, with the images that have it: "Debian 11 (node:20-bullseye)". */
  readonly tooOld: readonly string[];
}

/** Compare floors with the distributions of one C library. */
export function runsOn(floors: readonly Floor[], libc: 'glibc' | 'musl'): RunsOn {
  const releases = distributions.filter((release) => release.libc === libc);
  const series = [...new Set(releases.map(({name}) => name))];
  const oldest: string[] = [];
  const tooOld: string[] = [];
  for (const name of series) {
    const own = releases.filter((release) => release.name === name);
    const first = own.findIndex((release) => floors.every((floor) => isMet(floor, release)));
    const [fit, unfit] = [own[first], own.at(first < 0 ? -1 : first - 1)];
    if (fit !== undefined) oldest.push(`${fit.name} ${fit.release}`);
    if (unfit !== undefined && first !== 0) tooOld.push(withImages(unfit));
  }
  return {oldest, tooOld};
}

function isMet({family, version}: Floor, release: Distribution): boolean {
  const own: Readonly<Record<Family, string | undefined>> = {
    glibc: release.libc === 'glibc' ? release.version : undefined,
    musl: release.libc === 'musl' ? release.version : undefined,
    glibcxx: release.glibcxx,
    cxxabi: release.cxxabi,
    gcc: release.gcc,
  };
  const offered = own[family];
  return offered !== undefined && compareVersions(offered, version) >= 0;
}

function withImages({name, release, images}: Distribution): string {
  return `${name} ${release}${images.length === 0 ? '' : ` (${images.join(', ')})`}`;
}
