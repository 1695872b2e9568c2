/*
 * What Linux systems provide, as data: the C libraries and GCC runtimes of the distributions, the symbol versions of
 * each GCC release, the manylinux policies, and the libraries that a package may leave to the system.
 *
 * Everything else in src/package takes its numbers from here. Each table names its source; a row changes when a
 * distribution makes a release, so the newest rows are the ones to check first.
 */

/** A release of a distribution, with the newest versions that its own packages define. */
export interface Distribution {
  /** The series that it belongs to, as in "Debian". */
  readonly name: string;
  readonly release: string;
  readonly libc: 'glibc' | 'musl';
  /** Version of that C library. */
  readonly version: string;
  /** The newest GLIBCXX and CXXABI versions of its libstdc++.so.6, and the GCC that it is from. */
  readonly glibcxx: string;
  readonly cxxabi: string;
  readonly gcc: string;
  /** Images and platforms for Node.js that are based on it. */
  readonly images: readonly string[];
}

const row = (
  [name, release]: readonly [string, string],
  [libc, version]: readonly ['glibc' | 'musl', string],
  gcc: string,
  images: readonly string[] = [],
): Distribution => ({name, release, libc, version, gcc, ...runtimeOf(gcc), images});

/**
 * GCC releases with the newest versions that their libstdc++ defines; releases that added nothing are left out. Sources:
 * "ABI Policy and Guidelines" of the libstdc++ manual for GCC 12 and older, the libstdc++ mailing list for 13 and 14,
 * GCC's `gnu.ver` and Ubuntu's package lists for 15 and 16. CXXABI_1.3.16 exists on RISC-V only.
 */
export const gccReleases: readonly {
  readonly gcc: string;
  readonly glibcxx: string;
  readonly cxxabi: string;
}[] = [
  {gcc: '3.4.0', glibcxx: '3.4', cxxabi: '1.3'},
  {gcc: '3.4.1', glibcxx: '3.4.1', cxxabi: '1.3'},
  {gcc: '3.4.2', glibcxx: '3.4.2', cxxabi: '1.3'},
  {gcc: '3.4.3', glibcxx: '3.4.3', cxxabi: '1.3'},
  {gcc: '4.0.0', glibcxx: '3.4.4', cxxabi: '1.3.1'},
  {gcc: '4.0.1', glibcxx: '3.4.5', cxxabi: '1.3.1'},
  {gcc: '4.0.2', glibcxx: '3.4.6', cxxabi: '1.3.1'},
  {gcc: '4.0.3', glibcxx: '3.4.7', cxxabi: '1.3.1'},
  {gcc: '4.1.1', glibcxx: '3.4.8', cxxabi: '1.3.1'},
  {gcc: '4.2.0', glibcxx: '3.4.9', cxxabi: '1.3.1'},
  {gcc: '4.3.0', glibcxx: '3.4.10', cxxabi: '1.3.2'},
  {gcc: '4.4.0', glibcxx: '3.4.11', cxxabi: '1.3.3'},
  {gcc: '4.4.1', glibcxx: '3.4.12', cxxabi: '1.3.3'},
  {gcc: '4.4.2', glibcxx: '3.4.13', cxxabi: '1.3.3'},
  {gcc: '4.5.0', glibcxx: '3.4.14', cxxabi: '1.3.4'},
  {gcc: '4.6.0', glibcxx: '3.4.15', cxxabi: '1.3.5'},
  {gcc: '4.6.1', glibcxx: '3.4.16', cxxabi: '1.3.5'},
  {gcc: '4.7.0', glibcxx: '3.4.17', cxxabi: '1.3.6'},
  {gcc: '4.8.0', glibcxx: '3.4.18', cxxabi: '1.3.7'},
  {gcc: '4.8.3', glibcxx: '3.4.19', cxxabi: '1.3.7'},
  {gcc: '4.9.0', glibcxx: '3.4.20', cxxabi: '1.3.8'},
  {gcc: '5.1.0', glibcxx: '3.4.21', cxxabi: '1.3.9'},
  {gcc: '6.1.0', glibcxx: '3.4.22', cxxabi: '1.3.10'},
  {gcc: '7.1.0', glibcxx: '3.4.23', cxxabi: '1.3.11'},
  {gcc: '7.2.0', glibcxx: '3.4.24', cxxabi: '1.3.11'},
  {gcc: '8.1.0', glibcxx: '3.4.25', cxxabi: '1.3.11'},
  {gcc: '9.1.0', glibcxx: '3.4.26', cxxabi: '1.3.12'},
  {gcc: '9.2.0', glibcxx: '3.4.27', cxxabi: '1.3.12'},
  {gcc: '9.3.0', glibcxx: '3.4.28', cxxabi: '1.3.12'},
  {gcc: '11.1.0', glibcxx: '3.4.29', cxxabi: '1.3.13'},
  {gcc: '12.1.0', glibcxx: '3.4.30', cxxabi: '1.3.13'},
  {gcc: '13.1.0', glibcxx: '3.4.31', cxxabi: '1.3.14'},
  {gcc: '13.2.0', glibcxx: '3.4.32', cxxabi: '1.3.14'},
  {gcc: '14.1.0', glibcxx: '3.4.33', cxxabi: '1.3.15'},
  {gcc: '15.1.0', glibcxx: '3.4.34', cxxabi: '1.3.15'},
  {gcc: '16.1.0', glibcxx: '3.4.35', cxxabi: '1.3.17'},
  {gcc: '16.2.0', glibcxx: '3.4.36', cxxabi: '1.3.17'},
];

function runtimeOf(gcc: string): {glibcxx: string; cxxabi: string} {
  const number = (version: string) => version.split('.').reduce((sum, part) => sum * 100 + Number(part), 0);
  const known = gccReleases.findLast((release) => number(release.gcc) <= number(gcc)) ?? gccReleases[0];
  return {glibcxx: known?.glibcxx ?? '3.4', cxxabi: known?.cxxabi ?? '1.3'};
}

/**
 * Releases from old to new within each series. Sources, checked on 2026-11-29: the package pages of Debian, Ubuntu, Fedora
 * and Alpine; the RHEL 9.5 release notes and package lists of el10; AWS's AL2023 guide and its list of Lambda runtimes;
 * docker-library's official-images and repo-info, and nodejs/docker-node; package lists of images of SLES 15 SP5 and of
 * openSUSE Leap 15.6. AlmaLinux, Rocky Linux, CentOS Stream and UBI have the versions of the RHEL they follow. A
 * snapshot of a GCC before its first release is written as that release.
 */
export const distributions: readonly Distribution[] = [
  row(['Debian', '10'], ['glibc', '2.28'], '8.3.0', ['node:buster']),
  row(['Debian', '11'], ['glibc', '2.31'], '10.2.1', ['node:20-bullseye', 'node:22-bullseye']),
  row(['Debian', '12'], ['glibc', '2.36'], '12.2.0', ['node:20-slim', 'node:22-slim', 'node:24-slim']),
  row(['Debian', '13'], ['glibc', '2.41'], '14.2.0', ['node:22-trixie', 'node:24-trixie', 'node:26-slim']),
  row(['Ubuntu', '18.04'], ['glibc', '2.27'], '8.4.0'),
  row(['Ubuntu', '20.04'], ['glibc', '2.31'], '10.5.0'),
  row(['Ubuntu', '22.04'], ['glibc', '2.35'], '12.3.0'),
  row(['Ubuntu', '24.04'], ['glibc', '2.39'], '14.2.0'),
  row(['Ubuntu', '25.10'], ['glibc', '2.42'], '15.2.0'),
  row(['Ubuntu', '26.04'], ['glibc', '2.43'], '16.1.0'),
  row(['Ubuntu', '26.10'], ['glibc', '2.44'], '16.2.0'),
  row(['RHEL', '7'], ['glibc', '2.17'], '4.8.5'),
  row(['RHEL', '8'], ['glibc', '2.28'], '8.5.0', ['ubi8/nodejs-20']),
  row(['RHEL', '9'], ['glibc', '2.34'], '11.5.0', ['ubi9/nodejs-22', 'ubi9/nodejs-24']),
  row(['RHEL', '10'], ['glibc', '2.39'], '14.3.1', ['ubi10/nodejs-24']),
  row(['Amazon Linux', '2'], ['glibc', '2.26'], '7.3.1', ['Lambda nodejs18.x']),
  // Lambda got the libstdc++ of 2023.7 later than the distribution, if at all.
  row(['Amazon Linux', '2023'], ['glibc', '2.34'], '11.4.1', [
    'Lambda nodejs20.x',
    'Lambda nodejs22.x',
    'Lambda nodejs24.x',
  ]),
  row(['Amazon Linux', '2023.7'], ['glibc', '2.34'], '14.2.1'),
  row(['Fedora', '41'], ['glibc', '2.40'], '14.2.1'),
  row(['Fedora', '42'], ['glibc', '2.41'], '15.2.1'),
  row(['Fedora', '43'], ['glibc', '2.42'], '15.2.1'),
  row(['Fedora', '44'], ['glibc', '2.43'], '16.1.1'),
  row(['Fedora', '45'], ['glibc', '2.44'], '16.1.1'),
  row(['SUSE Linux Enterprise', '15 SP5'], ['glibc', '2.31'], '14.2.0'),
  row(['SUSE Linux Enterprise', '15 SP6'], ['glibc', '2.38'], '15.2.0'),
  row(['Alpine', '3.17'], ['musl', '1.2.3'], '12.2.1'),
  row(['Alpine', '3.18'], ['musl', '1.2.4'], '12.2.1'),
  row(['Alpine', '3.19'], ['musl', '1.2.4'], '13.2.1'),
  row(['Alpine', '3.20'], ['musl', '1.2.5'], '13.2.1'),
  row(['Alpine', '3.21'], ['musl', '1.2.5'], '14.2.0'),
  row(['Alpine', '3.22'], ['musl', '1.2.5'], '14.2.0'),
  row(['Alpine', '3.23'], ['musl', '1.2.5'], '15.2.0', ['node:22-alpine3.23']),
  row(['Alpine', '3.24'], ['musl', '1.2.6'], '15.2.0', [
    'node:22-alpine',
    'node:24-alpine',
    'node:26-alpine',
  ]),
];

/**
 * Libraries that the official binaries of Node.js 20 to 26 contain and whose symbols they export (`nm -D node`; zstd from
 * late releases of 22 on). Symbols of the program come first for every addon, whatever library it was linked with and whatever that is called.
 */
export const nodeExports =
  /^lib(z|zstd|ssl|crypto|uv|nghttp2|cares|brotli(common|dec|enc)|llhttp)(-[0-9a-f]{8})?\.so\./;

/** glibc's own libraries: never to be vendored, since the loader, libc and these must come from one build. */
const glibcLibraries: readonly string[] = [
  'libc.so.6',
  'libm.so.6',
  'libmvec.so.1',
  'libpthread.so.0',
  'libdl.so.2',
  'librt.so.1',
  'libutil.so.1',
  'libresolv.so.2',
  'libanl.so.1',
  'libBrokenLocale.so.1',
  'libthread_db.so.1',
  'libc_malloc_debug.so.0',
  'libnss_files.so.2',
  'libnss_dns.so.2',
  'libnss_compat.so.2',
];

/** The loaders' names: ld-linux-x86-64.so.2, ld64.so.1, ld-musl-aarch64.so.1, ... */
const loaderName = /^(ld-linux[\w.-]*\.so\.\d|ld(64)?\.so\.[12]|ld-musl-[\w.-]+\.so\.1)$/;
const muslName = /^(libc\.musl-[\w.-]+\.so\.1|libc\.so)$/;

/** Whether a name is the C library's own, or its loader's. */
export function isLibc(name: string): boolean {
  return loaderName.test(name) || muslName.test(name) || glibcLibraries.includes(name);
}

/** What every Android device has for native code ("Native APIs" of the NDK guides). */
export const androidLibraries =
  /^lib(c|m|dl|log|android|z|EGL|GLESv[123]\w*|OpenSLES|OpenMAXAL|jnigraphics|mediandk|vulkan|camera2ndk|aaudio|nativewindow|neuralnetworks)\.so$/;

/**
 * What a package may take from the system: the C library, and the GCC runtime that Node.js itself needs, so that it is
 * in memory before any addon. The manylinux policies add what every desktop has (libX11, libGL, libglib-2.0); no slim
 * image of Node.js has those, so only a policy can allow them.
 */
export const baseLibraries: readonly string[] = ['libstdc++.so.6', 'libgcc_s.so.1'];

export function isBase(name: string): boolean {
  return isLibc(name) || baseLibraries.includes(name);
}

/**
 * Limits by the name of a manylinux policy. Sources: PEP 600 and auditwheel's manylinux-policy.json at 2d1ad639, x86_64,
 * the newest version in each list; the libraries are those that its whitelist adds to the base set.
 */
export interface Limits {
  readonly glibc?: string | undefined;
  readonly glibcxx?: string | undefined;
  readonly cxxabi?: string | undefined;
  readonly gcc?: string | undefined;
  readonly musl?: string | undefined;
}

const desktop: readonly string[] = [
  'libX11.so.6',
  'libXext.so.6',
  'libXrender.so.1',
  'libICE.so.6',
  'libSM.so.6',
  'libGL.so.1',
  'libgobject-2.0.so.0',
  'libgthread-2.0.so.0',
  'libglib-2.0.so.0',
];
const common: readonly string[] = ['libatomic.so.1', 'libnsl.so.1', 'libexpat.so.1', 'libz.so.1'];

export const policies: Readonly<
  Record<string, {readonly limits: Limits; readonly libraries: readonly string[]}>
> = {
  manylinux2014: {
    limits: {glibc: '2.17', glibcxx: '3.4.19', cxxabi: '1.3.7', gcc: '4.8.0'},
    libraries: [...common, ...desktop],
  },
  manylinux_2_28: {
    limits: {glibc: '2.28', glibcxx: '3.4.24', cxxabi: '1.3.11', gcc: '7.0.0'},
    libraries: [...common, ...desktop],
  },
  manylinux_2_31: {
    limits: {glibc: '2.31', glibcxx: '3.4.28', cxxabi: '1.3.12', gcc: '7.0.0'},
    libraries: [...common, ...desktop],
  },
  manylinux_2_34: {
    limits: {glibc: '2.34', glibcxx: '3.4.29', cxxabi: '1.3.13', gcc: '7.0.0'},
    libraries: [...common, ...desktop],
  },
  manylinux_2_35: {
    limits: {glibc: '2.35', glibcxx: '3.4.30', cxxabi: '1.3.13', gcc: '12.0.0'},
    libraries: [...common, ...desktop],
  },
  manylinux_2_39: {
    limits: {glibc: '2.39', glibcxx: '3.4.33', cxxabi: '1.3.15', gcc: '14.0.0'},
    libraries: [...common, ...desktop],
  },
};

/**
 * Symbols by the musl version that added them, for versions by which distributions still differ; musl has no symbol
 * versions, so the names are all there is to go by. Sources: musl's release notes (WHATSNEW) as distributions and
 * compilers quote them, and its headers for the names with time64, which only 32-bit machines have.
 */
export const muslSymbols: Readonly<Record<string, readonly string[]>> = {
  '1.1.20': ['explicit_bzero', 'getrandom'],
  '1.2.0': ['__clock_gettime64', '__time64', '__nanosleep_time64', '__stat_time64', '__fstat_time64'],
  '1.2.2': ['_Fork', 'gettid', 'reallocarray', 'tcgetwinsize', 'tcsetwinsize'],
  '1.2.3': ['pthread_getname_np', 'qsort_r'],
  '1.2.5': ['preadv2', 'pwritev2', 'statx'],
  '1.2.6': ['posix_getdents', 'renameat2'],
};

/** What Node.js calls a machine in `process.arch`, which is what package.json's `cpu` holds. */
export function npmCpu(machine: string, elfClass: 32 | 64, littleEndian: boolean): string {
  const names: Readonly<Record<string, string>> = {
    x86_64: elfClass === 64 ? 'x64' : 'x32',
    i386: 'ia32',
    aarch64: 'arm64',
    ppc64le: 'ppc64',
    loongarch64: 'loong64',
    mips: 'mips',
    mipsel: 'mipsel',
  };
  return names[machine] ?? (machine === 'arm' && littleEndian ? 'arm' : machine);
}
