/*
 * What `show` says about a file, compared with what readelf and file(1) say.
 */
import {execFileSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {describeElf, type ElfFacts} from '../../src/elf/describe.js';
import type {ElfKind} from '../../src/elf/kind.js';
import {listDynamic, listSections, listSegments} from '../../src/elf/listing.js';
import {oldestGlibc} from '../../src/elf/version-names.js';
import {ElfView} from '../../src/elf/view.js';
import {fileSource} from '../../src/source/file.js';
import {debugFile, fixtureBytes, fixtures} from '../helpers/fixtures.js';
import {readelfDynamic, readelfSections, readelfSegments} from '../helpers/readelf.js';
import {tempDirectory, tempFile} from '../helpers/temp.js';
import {output, pathOf, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';

function describeFile(t: ExecutionContext, file: string): ElfFacts {
  const source = fileSource(file);
  t.teardown(() => source.close());
  return describeElf(new ElfView(source));
}

/** Compile a program with options, and return its path. */
function compile(t: ExecutionContext, options: readonly string[], compiler = 'gcc'): string {
  const directory = tempDirectory(t);
  const program = path.join(directory, 'program');
  const code = tempFile(
    t,
    '#include <string.h>\n#include <stdio.h>\nint main(int n, char **v) { char b[9]; strcpy(b, v[n - 1]); return puts(b); }\n',
    'a.c',
  );
  output(compiler, ['-w', '-O2', '-o', program, code, ...options]);
  return program;
}

/** Programs and libraries of this machine, of several kinds. */
const installed = [
  pathOf('qemu-arm'),
  '/bin/ls',
  '/bin/bash',
  '/usr/bin/gdb',
  '/usr/bin/python3',
  '/lib/x86_64-linux-gnu/libc.so.6',
  '/lib/x86_64-linux-gnu/libm.so.6',
  '/lib64/ld-linux-x86-64.so.2',
  '/sbin/ldconfig',
  process.execPath,
].filter((file) => existsSync(file));

const everything = [...fixtures.map((fixture) => fixture.path), debugFile, ...installed];

const kindsOfFile: readonly [RegExp, readonly ElfKind[]][] = [
  [/relocatable/, ['object-file']],
  [/static-pie linked/, ['static-pie-program']],
  [/statically linked/, ['static-program', 'shared-library']],
  [/pie executable/, ['pie-program', 'shared-library']],
  [/shared object/, ['shared-library', 'pie-program']],
  [/executable/, ['program']],
];

for (const file of everything) {
  const name = path.relative(path.join(import.meta.dirname, '../../..'), file);

  test(
    `${name}: the kind is what file(1) makes of it`,
    withTools((t) => {
      const {kind} = describeFile(t, file);
      if (file === debugFile) return void t.is(kind, 'debug-file');
      const words = output('file', ['-bL', file]);
      const expected = kindsOfFile.find(([pattern]) => pattern.test(words))?.[1] ?? [];
      t.true(expected.includes(kind), `${kind}, but: ${words}`);
    }),
  );

  test(
    `${name}: hardening, versions and notes are as readelf has them`,
    withTools((t) => {
      const facts = describeFile(t, file);
      t.deepEqual(facts.unreadable, file === debugFile ? facts.unreadable : []);
      if (facts.hardening === undefined) return void t.true(/object|debug/.test(facts.kind));
      t.deepEqual(summary(facts), summaryOfReadelf(file));
    }),
  );
}

function summary({hardening, buildId, abi, glibc, stripped, interpreter, needed, soname}: ElfFacts) {
  return {
    relro: hardening?.relro,
    bindNow: hardening?.bindNow,
    executableStack: hardening?.executableStack,
    textRelocations: hardening?.textRelocations,
    stackProtector: hardening?.stackProtector,
    fortified: hardening?.fortified,
    features: hardening?.features,
    buildId,
    abi,
    glibc,
    stripped,
    interpreter,
    needed,
    soname,
  };
}

/** The same facts, from readelf. */
function summaryOfReadelf(file: string): ReturnType<typeof summary> {
  const [segments, dynamic, notes, versions, sections] = ['-lW', '-dW', '-nW', '-VW', '-SW'].map((option) =>
    output('readelf', [option, option === '-VW' ? like(file) : file]),
  ) as [string, string, string, string, string];
  const bindNow = /\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|Flags:.*\bNOW\b/.test(dynamic);
  const names = symbolNames(like(file), true) ?? symbolNames(like(file), false);
  return {
    relro: /GNU_RELRO/.test(segments) ? (bindNow ? 'full' : 'partial') : 'none',
    bindNow,
    executableStack: /GNU_STACK/.test(segments) ? /GNU_STACK.* RWE /.test(segments) : undefined,
    textRelocations: /TEXTREL/.test(dynamic),
    stackProtector: names?.some((name) => /^__stack_chk_(fail|guard)(_local)?$/.test(name)),
    fortified:
      names && new Set(names.filter((name) => /^__.*_chk$/.test(name) && !/^__stack/.test(name))).size,
    features: /(?:x86|AArch64) feature: (.*)$/m.exec(notes)?.[1]?.split(', ') ?? [],
    buildId: /Build ID: (\w+)/.exec(notes)?.[1],
    abi: /OS: (\w+), ABI: (\S+)/.exec(notes)?.slice(1).join(' '),
    glibc: newestGlibc(versions),
    stripped: !/\bSYMTAB\b/.test(sections),
    interpreter: /interpreter: (.*)\]/.exec(segments)?.[1],
    needed: [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name ?? ''),
    soname: /\(SONAME\).*\[(.*)\]/.exec(dynamic)?.[1],
  };
}

/** A file that readelf finds symbols and versions in: without section headers it does not look for them. */
function like(file: string): string {
  return file.replace(/-nosections$/, '-pie');
}

function symbolNames(file: string, isDynamic: boolean): string[] | undefined {
  const text = output('readelf', isDynamic ? ['-sDW', file] : ['-sW', file]);
  const lines = [...text.matchAll(/^ +\d+: (?:\S+ +){6}(?:\[.*?\] +)?(\S*?)(@\S+)?( \(\d+\))?$/gm)];
  return lines.length < 2 ? undefined : lines.map(([, name]) => name ?? '');
}

/** The version that `sort -V` puts last. Versions without a number came with 2.36 and 2.41. */
function newestGlibc(text: string): string | undefined {
  const versions = [...text.matchAll(/Name: GLIBC_(\S+) {2}Flags: none/g)]
    .map(([, version = '']) => version.replace('ABI_DT_RELR', '2.36').replace('ABI_DT_X86_64_PLT', '2.41'))
    .filter((version) => /^[\d.]+$/.test(version));
  if (versions.length === 0) return undefined;
  return execFileSync('sort', ['-V'], {input: versions.join('\n'), encoding: 'utf8'})
    .trim()
    .split('\n')
    .at(-1);
}

/** How a compiler's options show in the facts. */
const builds: readonly [string, readonly string[], (facts: ElfFacts) => unknown, unknown][] = [
  ['-no-pie', ['-no-pie'], ({kind}) => kind, 'program'],
  ['-static-pie', ['-static-pie'], ({kind}) => kind, 'static-pie-program'],
  [
    '-shared',
    ['-shared', '-fPIC'],
    ({kind, hardening}) => [kind, hardening?.pie],
    ['shared-library', undefined],
  ],
  ['-z norelro', ['-Wl,-z,norelro'], ({hardening}) => hardening?.relro, 'none'],
  ['-z lazy', ['-Wl,-z,lazy'], ({hardening}) => [hardening?.relro, hardening?.bindNow], ['partial', false]],
  ['-z now', ['-Wl,-z,now'], ({hardening}) => [hardening?.relro, hardening?.bindNow], ['full', true]],
  ['-z execstack', ['-Wl,-z,execstack'], ({hardening}) => hardening?.executableStack, true],
  ['-fno-stack-protector', ['-fno-stack-protector'], ({hardening}) => hardening?.stackProtector, false],
  ['-fstack-protector-all', ['-fstack-protector-all'], ({hardening}) => hardening?.stackProtector, true],
  [
    '-D_FORTIFY_SOURCE=2',
    ['-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
    ({hardening}) => hardening?.fortified,
    1,
  ],
  [
    '-N',
    ['-nostdlib', '-static', '-Wl,-N', '-e', 'main', '-Wl,--unresolved-symbols=ignore-all'],
    ({hardening}) => hardening?.writableCode,
    true,
  ],
  ['-g', ['-g'], ({stripped, debugInfo}) => [stripped, debugInfo], [false, true]],
  ['-s', ['-s'], ({stripped, debugInfo}) => [stripped, debugInfo], [true, false]],
  ['-z pack-relative-relocs', ['-Wl,-z,pack-relative-relocs'], ({glibc}) => glibc, '2.36'],
  [
    '-rpath with old tags',
    ['-Wl,--disable-new-dtags,-rpath,/opt/a:$ORIGIN'],
    ({rpath, runpath}) => [rpath, runpath],
    ['/opt/a:$ORIGIN', undefined],
  ],
  [
    '-rpath with new tags',
    ['-Wl,--enable-new-dtags,-rpath,/opt/a'],
    ({rpath, runpath}) => [rpath, runpath],
    [undefined, '/opt/a'],
  ],
];

for (const [name, options, fact, expected] of builds) {
  test(
    `gcc ${name} shows`,
    withTools((t) => {
      const file = compile(t, options);
      const facts = describeFile(t, file);
      t.deepEqual(fact(facts), expected);
      t.deepEqual(summary(facts), summaryOfReadelf(file));
    }),
  );
}

test(
  'IBT and SHSTK show when every object has them',
  withTools((t) => {
    const options = ['-fcf-protection=full', '-nostdlib', '-shared', '-fPIC', '-Wl,-z,ibt,-z,shstk'];
    const file = compile(t, options);
    t.deepEqual(describeFile(t, file).hardening?.features, ['IBT', 'SHSTK']);
    t.regex(output('readelf', ['-nW', file]), /x86 feature: IBT, SHSTK/);
  }),
);

test(
  'BTI and PAC show when every object has them',
  withTools((t) => {
    const options = ['-mbranch-protection=standard', '-nostdlib', '-shared', '-fPIC'];
    const file = compile(t, options, 'aarch64-linux-gnu-gcc');
    const [, features = ''] = /AArch64 feature: (.*)/.exec(output('readelf', ['-nW', file])) ?? [];
    // GCC 16 also turns on GCS.
    t.regex(features, /^BTI, PAC(, GCS)?$/);
    t.deepEqual(describeFile(t, file).hardening?.features, features.split(', '));
  }),
);

test('a newer glibc is one whose number is larger, not one whose name sorts last', (t) => {
  const wanted = (versions: string[], weak: string[] = []) => [{library: 'libc.so.6', versions, weak}];
  t.is(oldestGlibc(wanted(['GLIBC_2.4', 'GLIBC_2.34', 'GLIBC_2.3.4'])), '2.34');
  t.is(oldestGlibc(wanted(['GLIBC_2.2.5', 'GLIBC_2.2'])), '2.2.5');
  t.is(oldestGlibc(wanted(['GLIBC_2.4', 'GLIBC_2.38'], ['GLIBC_2.38'])), '2.4');
  t.is(oldestGlibc(wanted(['GLIBC_PRIVATE', 'OPENSSL_3.0.0'])), undefined);
  const many = Array.from({length: 60_000}, (_, i) => `GLIBC_2.${i}`);
  const before = process.cpuUsage();
  t.is(oldestGlibc(wanted(many, many.slice(30_000))), '2.29999');
  const {user} = process.cpuUsage(before);
  t.true(user < 1_500_000, `${user} µs: each version is compared with each weak one`);
});

test('a damaged file is described as far as it can be read, wherever it ends', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  const whole = describeElf(viewBuffer(bytes));
  let hidden = 0;
  for (let size = 64; size < bytes.length; size += 61) {
    const facts = describeElf(viewBuffer(bytes.subarray(0, size)));
    if (facts.unreadable.length > 0) hidden += 1;
    t.is(facts.machine, 'x86_64');
    t.true(facts.interpreter === whole.interpreter || facts.unreadable.length > 0);
  }
  t.true(hidden > 100);
});

test('no byte that is turned over keeps a file from being described', (t) => {
  for (const name of ['armhf/probe-pie', 's390x/probe-pie'] as const) {
    const bytes = fixtureBytes(name);
    for (let at = 16; at < Math.min(bytes.length, 3000); at += 3) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = 255 - (damaged[at] ?? 0);
      const view = viewOrNone(damaged);
      if (view !== undefined) t.notThrows(() => describeElf(view), `${name}, offset ${at}`);
    }
  }
});

function viewOrNone(bytes: Uint8Array): ElfView | undefined {
  try {
    return viewBuffer(bytes);
  } catch {
    return undefined;
  }
}

for (const {name, path: file, hasSections} of fixtures.filter(({needed}) => needed !== undefined)) {
  test(
    `${name}: segments, sections and dynamic entries are listed as readelf lists them`,
    withTools((t) => {
      const source = fileSource(file);
      t.teardown(() => source.close());
      const view = new ElfView(source);
      t.deepEqual(
        listSegments(view).map(({offset, size, address, memorySize}) => [offset, size, address, memorySize]),
        readelfSegments(file).map((s) => [s.p_offset, s.p_filesz, s.p_vaddr, s.p_memsz]),
      );
      if (hasSections) {
        t.deepEqual(
          listSections(view).map((section) => [section.name, section.offset, section.size]),
          readelfSections(file).map((s) => [s.name, s.sh_offset, s.sh_size]),
        );
      }
      const entries = readelfDynamic(file).filter(({type}) => type !== 'NULL');
      t.deepEqual(
        listDynamic(view).map(({tag}) => tag.replace(/^DT_/, '')),
        entries.map(({type}) => type.replace('REL ', 'REL')),
      );
      t.deepEqual(
        listDynamic(view).flatMap(({tag, text}) => (/NEEDED|SONAME|PATH/.test(tag) ? [text] : [])),
        entries.flatMap(({string}) => (string === undefined ? [] : [string])),
      );
    }),
  );
}

test('flags are told by name, and bits without one as a number', (t) => {
  const lines = listDynamic(viewBuffer(fixtureBytes('x86_64/probe-pie')));
  t.is(lines.find(({tag}) => tag === 'DT_FLAGS_1')?.text, 'PIE');
  t.is(lines.find(({tag}) => tag === 'DT_PLTREL')?.text, 'RELA');
  t.regex(lines.find(({tag}) => tag === 'DT_STRSZ')?.text ?? '', /^\d+ bytes$/);
});
