import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {SHT} from '../../src/elf/constants.js';
import {ElfError, type ErrorCode} from '../../src/errors.js';
import {auditPackage} from '../../src/package/audit.js';
import {repairPackage} from '../../src/package/repair/repair.js';
import {elfinterpAsNobody} from '../helpers/cli.js';
import {peakMemory} from '../helpers/peak-memory.js';
import {stripPrograms} from '../helpers/strippers.js';
import {elfHeader, sectionHeader} from '../helpers/synthetic.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, run, withTools} from '../helpers/tools.js';
import {addon, compile, library, load, workshop} from './helpers.js';

function tree(directory: string): string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .filter((name) => statSync(path.join(directory, name)).isFile())
    .sort()
    .map((name) => `${name} ${output('sha256sum', [path.join(directory, name)]).split(' ')[0]}`);
}

function dynamic(file: string): string {
  return output('readelf', ['-dW', file]);
}

async function refused(
  t: ExecutionContext,
  work: Promise<unknown>,
  code: ErrorCode,
): Promise<ElfError | undefined> {
  const error = await t.throwsAsync(work, {instanceOf: ElfError});
  t.is(error instanceof ElfError ? error.code : undefined, code, `${error}`);
  return error instanceof ElfError ? error : undefined;
}

test(
  'an addon brings its library along, under a name with a hash, and loads when the library is gone',
  withTools(async (t) => {
    const {directory, pkg, libraries} = workshop(t);
    library(libraries, 'inner', 20);
    compile(
      path.join(libraries, 'libouter.so.1'),
      'extern int inner_value(void); int outer_value(void) { return inner_value() + 1; }',
      ['-Wl,-soname,libouter.so.1', `-Wl,-rpath,${libraries}`, path.join(libraries, 'libinner.so.1')],
    );
    addon(path.join(pkg, 'build/Release/a.node'), 'outer', libraries, [
      `-Wl,-rpath,${libraries}`,
      `-Wl,-rpath-link,${libraries}`,
    ]);
    const into = path.join(directory, 'fixed');
    const result = await repairPackage(pkg, {into});
    t.true(result.written);
    t.deepEqual(
      result.libraries.map(({soname}) => soname.replace(/-[0-9a-f]{8}/, '-HASH')),
      ['libinner-HASH.so.1', 'libouter-HASH.so.1'],
    );
    rmSync(libraries, {recursive: true});
    t.is(load(path.join(into, 'build/Release/a.node')), '21');
    const text = dynamic(path.join(into, 'build/Release/a.node'));
    t.regex(text, /RUNPATH.*\[\$ORIGIN\/libs\]/);
    t.notRegex(text, /builder/);
    for (const {path: file, soname} of result.libraries) {
      t.regex(dynamic(path.join(into, file)), new RegExp(`SONAME.*\\[${soname}\\]`));
      t.notRegex(dynamic(path.join(into, file)), /builder/);
    }
    t.is(result.after.findings.filter(({severity}) => severity === 'error').length, 0);
  }),
);

test(
  'the same package gives the same bytes, and what is repaired needs no repair',
  withTools(async (t) => {
    const {directory, pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    addon(path.join(pkg, 'a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    const [first, second] = [path.join(directory, 'first'), path.join(directory, 'second')];
    await repairPackage(pkg, {into: first});
    await repairPackage(pkg, {into: second});
    t.deepEqual(tree(first), tree(second));
    t.false((await repairPackage(pkg, {into: first})).written);
    const before = tree(first);
    const again = await repairPackage(first, {inPlace: true});
    t.false(again.written);
    t.deepEqual(tree(first), before);
    await repairPackage(pkg, {inPlace: true});
    t.deepEqual(tree(pkg), tree(first));
    t.deepEqual(
      readdirSync(pkg).filter((name) => name.startsWith('.')),
      [],
    );
  }),
);

test(
  'two packages with different versions of one library work in one process',
  withTools(async (t) => {
    const packages = await Promise.all(
      [1, 2].map(async (version) => {
        const {pkg, libraries} = workshop(t);
        library(libraries, 'shared', version);
        addon(path.join(pkg, 'a.node'), 'shared', libraries, [`-Wl,-rpath,${libraries}`]);
        return {pkg, file: path.join(pkg, 'a.node')};
      }),
    );
    const files = packages.map(({file}) => file);
    // Without repair, the second package gets the first one's library.
    t.is(load(...files), '1,1');
    for (const {pkg} of packages) await repairPackage(pkg, {inPlace: true});
    t.is(load(...files), '1,2');
    t.is(load(...files.toReversed()), '2,1');
  }),
);

test(
  'a search path that leads into the package stays, and one that leads to the build machine goes',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(path.join(pkg, 'lib'), 'own', 5);
    library(libraries, 'foreign', 6);
    addon(path.join(pkg, 'own.node'), 'own', path.join(pkg, 'lib'), [
      '-Wl,-rpath,/home/builder/lib:$ORIGIN/lib:',
      '-Wl,--disable-new-dtags',
    ]);
    addon(path.join(pkg, 'foreign.node'), 'foreign', libraries, [`-Wl,-rpath,$ORIGIN/lib:${libraries}`]);
    await repairPackage(pkg, {inPlace: true, libs: 'vendored'});
    t.regex(dynamic(path.join(pkg, 'own.node')), /\(RPATH\).*\[\$ORIGIN\/lib\]/);
    t.regex(dynamic(path.join(pkg, 'foreign.node')), /\(RUNPATH\).*\[\$ORIGIN\/lib:\$ORIGIN\/vendored\]/);
    rmSync(libraries, {recursive: true});
    t.is(load(path.join(pkg, 'own.node'), path.join(pkg, 'foreign.node')), '5,6');
  }),
);

test(
  'a search path with $LIB after $ORIGIN leads into the package as well',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    const lib = path.join(pkg, 'lib', output('gcc', ['-print-multiarch']).trim());
    library(lib, 'own', 3);
    library(libraries, 'foreign', 4);
    const rpath = `-Wl,-rpath,$ORIGIN/../$LIB:$ORIGIN/$LIB/../..:${libraries}`;
    addon(path.join(pkg, 'build/own.node'), 'own', lib, [rpath]);
    addon(path.join(pkg, 'build/foreign.node'), 'foreign', libraries, [rpath]);
    await repairPackage(pkg, {inPlace: true});
    t.regex(dynamic(path.join(pkg, 'build/own.node')), /RUNPATH.*\[\$ORIGIN\/\.\.\/\$LIB\]/);
    rmSync(libraries, {recursive: true});
    t.is(load(path.join(pkg, 'build/own.node'), path.join(pkg, 'build/foreign.node')), '3,4');
  }),
);

test(
  'many files and names in one run: each request of each file is changed as it should be',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    const names = Array.from({length: 12}, (_, i) => `part${i}`);
    for (const [i, name] of names.entries()) library(libraries, name, i);
    names.forEach((name) => {
      const others = names
        .filter((other) => other !== name)
        .map((other) => path.join(libraries, `lib${other}.so.1`));
      addon(path.join(pkg, `${name}.node`), name, libraries, [
        '-Wl,--no-as-needed',
        ...others,
        `-Wl,-rpath,${libraries}`,
      ]);
    });
    const {libraries: vendored} = await repairPackage(pkg, {inPlace: true});
    t.is(vendored.length, 12);
    rmSync(libraries, {recursive: true});
    t.is(load(...names.map((name) => path.join(pkg, `${name}.node`))), names.map((_, i) => i).join());
    const sonames = vendored.map(({soname}) => soname).sort();
    for (const name of names) {
      const needed = [...dynamic(path.join(pkg, `${name}.node`)).matchAll(/NEEDED.*\[(libpart.*)\]/g)].map(
        ([, library = '']) => library,
      );
      t.deepEqual(needed.sort(), sonames);
    }
  }),
);

for (const tool of stripPrograms) {
  test(
    `${tool} after a repair leaves what works`,
    withTools(async (t) => {
      const {pkg, libraries} = workshop(t);
      library(libraries, 'later', 7, ['-g']);
      addon(path.join(pkg, 'a.node'), 'later', libraries, ['-g', `-Wl,-rpath,${libraries}`]);
      const {libraries: vendored} = await repairPackage(pkg, {inPlace: true});
      rmSync(libraries, {recursive: true});
      for (const file of ['a.node', ...vendored.map((library) => library.path)])
        output(tool, [path.join(pkg, file)]);
      t.is(load(path.join(pkg, 'a.node')), '7');
      t.deepEqual(run('eu-elflint', ['--gnu-ld', path.join(pkg, 'a.node')]).stdout.trim(), 'No errors');
    }),
  );
}

test(
  '--strip removes symbols and debugging information, from the files of the package too, and they still load',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'big', 8, ['-g3', '-Wl,-z,relro']);
    addon(path.join(pkg, 'a.node'), 'big', libraries, ['-g3', `-Wl,-rpath,${libraries}`]);
    const {libraries: vendored} = await repairPackage(pkg, {inPlace: true, strip: true});
    rmSync(libraries, {recursive: true});
    for (const file of ['a.node', ...vendored.map((library) => library.path)]) {
      const sections = output('readelf', ['-SW', path.join(pkg, file)]);
      t.notRegex(sections, /\.(symtab|debug_)/);
      t.regex(sections, /\.dynsym/);
      t.is(run('eu-elflint', ['--gnu-ld', path.join(pkg, file)]).stdout.trim(), 'No errors', file);
    }
    t.is(load(path.join(pkg, 'a.node')), '8');
    t.false((await repairPackage(pkg, {inPlace: true, strip: true})).written);
  }),
);

test(
  'a file whose name is long in bytes is repaired',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    const file = path.join(pkg, `${'字'.repeat(80)}.node`);
    addon(path.join(pkg, 'a'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    renameSync(path.join(pkg, 'a'), file);
    await repairPackage(pkg, {inPlace: true});
    t.is(load(file), '1');
  }),
);

test(
  'absolute paths into the package itself, as CMake writes them, become relative to the file',
  withTools(async (t) => {
    const {directory, pkg} = workshop(t);
    const deps = path.join(pkg, 'deps');
    mkdirSync(deps);
    library(deps, 'own', 4);
    const rpath = `${deps}/:${pkg}:${pkg}/build/:${pkg}-other:/opt/lib`;
    addon(path.join(pkg, 'build/a.node'), 'own', deps, [`-Wl,-rpath,${rpath}`]);
    const into = path.join(directory, 'fixed');
    await repairPackage(pkg, {into});
    rmSync(pkg, {recursive: true});
    t.is(load(path.join(into, 'build/a.node')), '4');
    t.regex(
      dynamic(path.join(into, 'build/a.node')),
      /path: \[\$ORIGIN\/\.\.\/deps:\$ORIGIN\/\.\.:\$ORIGIN\]/,
    );
  }),
);

for (const [title, isInPlace] of [
  ['in place', true],
  ['into another directory', false],
] as const)
  test(
    `a repair ${title} keeps set-ID bits, ACLs, attributes and capabilities`,
    withTools(async (t) => {
      const {directory, pkg, libraries} = workshop(t);
      library(libraries, 'one', 1);
      const file = path.join(pkg, 'a.node');
      addon(file, 'one', libraries, [`-Wl,-rpath,${libraries}`]);
      if (process.geteuid?.() === 0) {
        output('chown', ['1:1', file]);
        if (!isInPlace) output('chown', ['0:0', file]);
        output('setcap', ['cap_net_raw=ep', file]);
      }
      chmodSync(file, 0o4755);
      output('setfattr', ['-n', 'user.origin', '-v', 'here', file]);
      output('setfacl', ['-m', 'u:daemon:rw-,g::---', file]);
      const facts = (of: string) =>
        ['getfacl -n --absolute-names', 'getfattr -d -m - --absolute-names', 'getcap', 'stat -c %a,%u,%g']
          .map((command) => output('sh', ['-c', `${command} "$1"`, 'sh', of]).replaceAll(of, 'FILE'))
          .join('\n');
      const before = facts(file);
      const into = path.join(directory, 'fixed');
      const {files, notes} = await repairPackage(pkg, isInPlace ? {inPlace: true} : {into});
      t.is(files[0]?.path, 'a.node');
      t.deepEqual(notes, []);
      t.is(facts(path.join(isInPlace ? pkg : into, 'a.node')), before);
      t.regex(before, /mask::rw-|mask::rwx/);
    }),
  );

test(
  'an ordinary user has files repaired that may not be written to, and leaves out what a killed edit left',
  withTools((t) => {
    const {directory, pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    addon(path.join(pkg, 'a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    const readOnly = Array.from({length: 5}, (_, i) => path.join(pkg, `read-only-${i}`));
    for (const file of readOnly) {
      writeFileSync(file, 'text');
      output('setfattr', ['-n', 'user.origin', '-v', 'here', file]);
      chmodSync(file, 0o444);
    }
    const left = path.join(pkg, '.elfinterp-edit-4194303-1-00000000-abcdef');
    mkdirSync(left);
    writeFileSync(path.join(left, 'elfinterp-workspace'), '');
    writeFileSync(path.join(left, '3'), 'half');
    const into = path.join(directory, 'fixed');
    if (process.geteuid?.() === 0) output('chown', ['-R', '65534:65534', directory]);
    const {status, stderr} = elfinterpAsNobody(['repair', pkg, '--into', into]);
    t.deepEqual([status, stderr], [0, '']);
    for (const file of readOnly) {
      const copy = path.join(into, path.basename(file));
      t.is(statSync(copy).mode & 0o7777, 0o444);
      t.regex(output('getfattr', ['--absolute-names', '-n', 'user.origin', copy]), /here/);
    }
    t.deepEqual(
      readdirSync(into).filter((name) => name.startsWith('.')),
      [],
    );
  }),
);

test('sections that share their bytes are not copied by --strip before it knows that the file would grow', (t) => {
  const format = {elfClass: 64, littleEndian: true} as const;
  const [size, count] = [2_000_000, 200];
  // A section of a processor-specific type, which stays.
  const section = {sh_type: 0x70000003, sh_offset: 64, sh_size: size};
  const sections = [
    sectionHeader(format, {}),
    sectionHeader(format, {sh_type: SHT.SHT_SYMTAB, sh_offset: 64, sh_size: size}),
    ...Array.from({length: count}, () => sectionHeader(format, section)),
  ];
  const header = elfHeader(format, {e_shoff: 64 + size, e_shnum: sections.length});
  const file = path.join(tempDirectory(t), 'file');
  const bytes = Buffer.concat([header, Buffer.alloc(size), ...sections]);
  writeFileSync(file, bytes);
  const module = new URL('../../src/package/repair/strip.js', import.meta.url).href;
  const script = `
    const {stripFile} = await import(${JSON.stringify(module)});
    ${peakMemory}
    const before = peakMemory();
    const changed = stripFile(${JSON.stringify(file)});
    console.log(changed, peakMemory() - before);`;
  const [changed, growth] = output(process.execPath, ['--input-type=module', '-e', script]).split(' ');
  t.is(changed, 'false');
  t.true(Number(growth) < 100_000_000, `${growth} bytes`);
  t.deepEqual(readFileSync(file), bytes);
});

test(
  'libstdc++ comes along when asked for, which lowers the GLIBCXX floor; the C library never does',
  withTools(async (t) => {
    const {directory, pkg} = workshop(t);
    const source = path.join(pkg, 'a.cc');
    writeFileSync(
      source,
      '#include <cstdio>\n#include <iostream>\nextern "C" void *napi_register_module_v1(void *, void *e) { std::cout << "hello" << std::endl; std::fflush(stdout); return e; }',
    );
    output('g++', ['-shared', '-fPIC', '-o', path.join(pkg, 'a.node'), source]);
    rmSync(source);
    const into = path.join(directory, 'fixed');
    const {notes, after} = await repairPackage(pkg, {into, vendor: ['libstdc++.so.6']});
    t.true(
      notes.some((note) => /GLIBCXX_3\.4\S* is no longer required from the system/.test(note)),
      notes.join('\n'),
    );
    t.true(
      notes.some((note) =>
        /floor rises from glibc \S+ to glibc \S+, because of libs\/libstdc\+\+-/.test(note),
      ),
      notes.join('\n'),
    );
    t.false(after.targets.flatMap(({floors}) => floors).some(({family}) => family === 'glibcxx'));
    t.is(
      run(process.execPath, ['-e', 'require(process.argv[1])', path.join(into, 'a.node')]).stdout,
      'hello\n',
    );
    await refused(
      t,
      repairPackage(pkg, {into: path.join(directory, 'x'), vendor: ['libc.so.6']}),
      'BAD_REQUEST',
    );
  }),
);

test(
  'a library that is nowhere is named, and the package stays as it is',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'gone', 1);
    addon(path.join(pkg, 'a.node'), 'gone', libraries);
    const before = tree(pkg);
    const error = await refused(t, repairPackage(pkg, {inPlace: true}), 'NOT_FOUND');
    t.regex(error?.message ?? '', /libgone\.so\.1/);
    t.deepEqual(tree(pkg), before);
    t.true((await repairPackage(pkg, {inPlace: true, libraryPath: libraries})).written);
  }),
);

test(
  'the files of a package that are links, hard links or read-only are treated as what they are',
  withTools(async (t) => {
    const {directory, pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    const file = addon(path.join(pkg, 'a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    linkSync(file, path.join(pkg, 'b.node'));
    symlinkSync('a.node', path.join(pkg, 'c.node'));
    symlinkSync('/etc/passwd', path.join(pkg, 'outside'));
    chmodSync(file, 0o555);
    const into = path.join(directory, 'fixed');
    await repairPackage(pkg, {into});
    rmSync(libraries, {recursive: true});
    t.is(load(...['a', 'b', 'c'].map((name) => path.join(into, `${name}.node`))), '1,1,1');
    t.is(statSync(path.join(into, 'a.node')).mode & 0o777, 0o555);
    t.is(output('readlink', [path.join(into, 'outside')]), '/etc/passwd\n');
  }),
);

test(
  'a library that is found through a symbolic link, which npm does not pack, is asked for by its own name',
  withTools(async (t) => {
    const {pkg} = workshop(t);
    const lib = path.join(pkg, 'lib');
    library(lib, 'linked', 4);
    renameSync(path.join(lib, 'liblinked.so.1'), path.join(lib, 'liblinked.so.1.2.3'));
    symlinkSync('liblinked.so.1.2.3', path.join(lib, 'liblinked.so.1'));
    addon(path.join(pkg, 'a.node'), 'linked', lib, ['-Wl,-rpath,$ORIGIN/lib']);
    t.true((await auditPackage(pkg)).findings.some(({code}) => code === 'link-not-packed'));
    await repairPackage(pkg, {inPlace: true});
    rmSync(path.join(lib, 'liblinked.so.1'));
    t.is(load(path.join(pkg, 'a.node')), '4');
    t.deepEqual(
      (await auditPackage(pkg)).findings.filter(({severity}) => severity === 'error'),
      [],
    );
  }),
);

test(
  'a target that is not empty, or lies in the package, is refused',
  withTools(async (t) => {
    const {directory, pkg} = workshop(t);
    mkdirSync(path.join(directory, 'full'));
    writeFileSync(path.join(directory, 'full', 'file'), '');
    await refused(t, repairPackage(pkg, {into: path.join(directory, 'full')}), 'CONFLICT');
    await refused(t, repairPackage(pkg, {into: path.join(pkg, 'fixed')}), 'BAD_REQUEST');
    await refused(t, repairPackage(pkg, {}), 'BAD_REQUEST');
    await refused(t, repairPackage(pkg, {inPlace: true, libs: '../x'}), 'BAD_REQUEST');
    t.deepEqual(readdirSync(directory).sort(), ['builder', 'full', 'pkg']);
  }),
);

test(
  'a dry run proves the result and writes nothing',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    addon(path.join(pkg, 'a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    const before = tree(pkg);
    const {written, libraries: vendored, after} = await repairPackage(pkg, {dryRun: true});
    t.false(written);
    t.is(vendored.length, 1);
    t.deepEqual(
      after.findings.filter(({code}) => code === 'outside-library'),
      [],
    );
    t.deepEqual(tree(pkg), before);
  }),
);

test(
  'a library of the package that an absolute path leads to is found by $ORIGIN',
  withTools(async (t) => {
    const {directory, pkg} = workshop(t);
    const nameless = compile(path.join(pkg, 'lib/libnameless.so'), 'int nameless_value(void) { return 7; }');
    const file = path.join(pkg, 'build/a.node');
    compile(
      file,
      'typedef void *V; extern int nameless_value(void); extern int napi_create_int32(V, int, V *);\n' +
        'V napi_register_module_v1(V env, V exports) { V value = 0; napi_create_int32(env, nameless_value(), &value); return value; }',
      [nameless],
    );
    t.regex(dynamic(file), /NEEDED.*\[\//);
    const moved = path.join(directory, 'moved');
    await repairPackage(pkg, {into: moved});
    rmSync(pkg, {recursive: true});
    t.regex(dynamic(path.join(moved, 'build/a.node')), /NEEDED.*\[libnameless\.so\]/);
    t.regex(dynamic(path.join(moved, 'build/a.node')), /RUNPATH.*\[\$ORIGIN\/\.\.\/lib\]/);
    t.is(load(path.join(moved, 'build/a.node')), '7');
  }),
);

test(
  'libraries that "files" in package.json leaves out are named, as far as npm pack does',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    addon(path.join(pkg, 'build/Release/a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    // What `npm pack --dry-run` of npm 11 says after the repair.
    for (const [entry, isPacked] of [
      ['build', true],
      ['./build/', true],
      ['build/*', true],
      ['build/Re*/**', true],
      ['build/Release/l*/**', true],
      ['**/*.{node,so}*', true],
      ['build/Release/a.node', false],
      ['build/Release/*.node', false],
      ['build/Release/lib*', false],
      ['build*', false],
      ['**/*.node', false],
      ['*.node', false],
      ['!**/*.map', false],
    ] as const) {
      writeFileSync(
        path.join(pkg, 'package.json'),
        JSON.stringify({name: 'x', version: '1.0.0', files: [entry]}),
      );
      const {notes} = await repairPackage(pkg, {dryRun: true});
      t.is(
        notes.filter((note) => /"files".* build\/Release\/libs:/.test(note)).length,
        isPacked ? 0 : 1,
        entry,
      );
    }
  }),
);

/** The libraries that the notes name as those of an earlier repair. */
function unusedIn(notes: readonly string[]): string[] {
  return notes.flatMap((note) => /^(\S+) comes from an earlier repair/.exec(note)?.[1] ?? []).sort();
}

test(
  'a library of an earlier repair that is not needed any more is named while it is there',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    const file = path.join(pkg, 'a.node');
    const repaired = async (value: number) => {
      library(libraries, 'inner', value);
      compile(
        path.join(libraries, 'libouter.so.1'),
        'extern int inner_value(void); int outer_value(void) { return inner_value(); }',
        ['-Wl,-soname,libouter.so.1', path.join(libraries, 'libinner.so.1')],
      );
      addon(file, 'outer', libraries, [`-Wl,-rpath-link,${libraries}`]);
      const {notes, libraries: found} = await repairPackage(pkg, {inPlace: true, libraryPath: libraries});
      return {
        unused: unusedIn(notes),
        paths: found.map((one) => one.path).sort(),
      };
    };
    const first = await repaired(1);
    t.deepEqual(first.unused, []);
    const second = await repaired(2);
    t.deepEqual(second.unused, first.paths);
    t.is(load(file), '2');
    for (const unused of first.paths) rmSync(path.join(pkg, unused));
    const third = await repaired(3);
    t.deepEqual(third.unused, second.paths);
    // Also when a repair changes nothing, and beside a file of the record's name that is something else.
    writeFileSync(path.join(pkg, 'elfinterp.json'), 'not a record');
    const left = [...second.paths, ...third.paths].sort();
    compile(file, 'int f(void) { return 1; }');
    for (const options of [{inPlace: true}, {dryRun: true}, {into: `${pkg}.new`}]) {
      const {written, notes} = await repairPackage(pkg, options);
      t.is(written, options.into !== undefined);
      t.deepEqual(unusedIn(notes), left);
    }
  }),
);

test(
  'the record says what came from where, and a later repair adds to it',
  withTools(async (t) => {
    const {pkg, libraries} = workshop(t);
    library(libraries, 'one', 1);
    library(libraries, 'two', 2);
    addon(path.join(pkg, 'a.node'), 'one', libraries, [`-Wl,-rpath,${libraries}`]);
    await repairPackage(pkg, {inPlace: true});
    addon(path.join(pkg, 'b.node'), 'two', libraries, [`-Wl,-rpath,${libraries}`]);
    await repairPackage(pkg, {inPlace: true});
    const record = JSON.parse(readFileSync(path.join(pkg, 'libs/elfinterp.json'), 'utf8'));
    t.deepEqual(
      record.libraries.map(({source}: {source: string}) => path.basename(source)),
      ['libone.so.1', 'libtwo.so.1'],
    );
    for (const {source, sha256} of record.libraries)
      t.is(output('sha256sum', [source]).split(' ')[0], sha256);
  }),
);
