/*
 * DT_NEEDED and DT_VERNEED: read back by readelf, obeyed by the real loader with every symbol bound at start.
 */
import {copyFileSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {applyPlanToBuffer, checkElf, openElfBuffer, planEdit} from '../../../src/index.js';
import {complaintsSince, librariesOf, loadedFixtures, runBeside, runsAsBefore} from '../../helpers/edited.js';
import {edit, editOrNoRoom, hasRoom, planFor, programFile} from '../../helpers/edits.js';
import {fixture, fixtureBytes} from '../../helpers/fixtures.js';
import {readelfDynamic} from '../../helpers/readelf.js';
import {output, run, withTools} from '../../helpers/tools.js';

function neededOf(file: string): (string | undefined)[] {
  return readelfDynamic(file)
    .filter(({type}) => type === 'NEEDED')
    .map(({string}) => string);
}

for (const file of loadedFixtures) {
  const {name, needed = []} = file;
  const bytes = fixtureBytes(name);

  test(
    `${name}: libraries added in front and behind are read back in order, and eu-elflint finds nothing new`,
    withTools((t) => {
      const request = {addNeeded: ['libbehind.so.1', 'libz.so'], addNeededFirst: ['lib1.so', 'lib2.so']};
      const edited = editOrNoRoom(bytes, request);
      if (edited === undefined) {
        t.false(hasRoom(file));
        return;
      }
      const expected = ['lib2.so', 'lib1.so', ...needed, 'libbehind.so.1', 'libz.so'];
      t.deepEqual(neededOf(programFile(t, edited)), expected);
      if (file.hasSections) t.deepEqual(complaintsSince(t, file, edited), []);
      t.is(
        planFor(edited, {addNeeded: ['libz.so', 'libbehind.so.1'], addNeededFirst: ['lib2.so']}).placement,
        'none',
      );
      const names = ['lib1.so', 'lib2.so', 'libbehind.so.1', 'libz.so'];
      const back = edit(edited, {removeNeeded: names});
      t.deepEqual(openElfBuffer(back).view.dynamic?.needed, [...needed]);
      runsAsBefore(t, file, back);
    }),
  );

  test(
    `${name}: libm.so.6 is loaded when it is added`,
    withTools((t) => {
      if (file.output === undefined || !needed.includes('libc.so.6')) {
        t.pass();
        return;
      }
      const edited = editOrNoRoom(bytes, {addNeededFirst: ['libm.so.6']});
      if (edited === undefined) {
        t.false(hasRoom(file));
        return;
      }
      runsAsBefore(t, file, edited);
      const missing = runBeside(t, file, edit(bytes, {addNeeded: ['libnone.so.7']}), librariesOf(file));
      t.not(missing.status, 0, 'a library that is not there is missed');
    }),
  );

  test(
    `${name}: without its libraries nothing of them is left, and eu-elflint finds nothing new`,
    withTools((t) => {
      const edited = edit(bytes, {removeNeeded: needed});
      const copy = programFile(t, edited);
      t.deepEqual(neededOf(copy), []);
      t.notRegex(output('readelf', ['-VW', copy]), /File: /);
      if (file.hasSections) t.deepEqual(complaintsSince(t, file, edited), []);
      t.is(planFor(edited, {removeNeeded: needed}).placement, 'none');
    }),
  );
}

for (const toolchain of ['x86_64', 'armhf', 's390x'] as const) {
  const file = fixture(`${toolchain}/needs-libprobe`);
  const library = fixture(`${toolchain}/libprobe.so.1`).path;
  const bytes = fixtureBytes(file.name);

  test(
    `${file.name}: runs with its library under another name, and the versions ask for that name`,
    withTools((t) => {
      const to = 'libprobe-of-another-name.so.1';
      const edited = edit(bytes, {replaceNeeded: {'libprobe.so.1': to}});
      const copy = programFile(t, edited);
      t.deepEqual(neededOf(copy), [to, 'libc.so.6']);
      const files = [...output('readelf', ['-VW', copy]).matchAll(/File: (\S+)/g)].map(([, name]) => name);
      t.deepEqual(files.sort(), [to, 'libc.so.6'].sort());
      const renamed = edit(fixtureBytes(`${toolchain}/libprobe.so.1`), {soname: to});
      const {status, stdout, stderr} = runBeside(t, file, edited, {[to]: programFile(t, renamed)});
      t.deepEqual([stderr, status, stdout], ['', 0, 'needs-libprobe: 83, version 2\n']);
      t.deepEqual(complaintsSince(t, file, edited), []);
    }),
  );

  test(
    `${file.name}: a library that replaces a removed one need not have its versions`,
    withTools((t) => {
      const request = {removeNeeded: ['libprobe.so.1'], addNeeded: ['libother.so']};
      const {notes} = planFor(bytes, request);
      t.regex(
        notes.join(),
        /2 symbols? of libprobe\.so\.1 must now come from another library: .*probe_answer/,
      );
      const edited = edit(bytes, request);
      const other = edit(fixtureBytes(`${toolchain}/libprobe.so.1`), {soname: 'libother.so'});
      const {stdout, stderr} = runBeside(t, file, edited, {'libother.so': programFile(t, other)});
      // Without a version ld.so takes the oldest one.
      t.deepEqual([stderr, stdout], ['', 'needs-libprobe: 83, version 1\n']);
      t.regex(runBeside(t, file, edited, {'libother.so': library}).stdout, /83/);
    }),
  );
}

test('two names can be swapped', (t) => {
  const swapped = edit(fixtureBytes('x86_64/needs-libprobe'), {
    replaceNeeded: {'libprobe.so.1': 'libc.so.6', 'libc.so.6': 'libprobe.so.1'},
  });
  t.deepEqual(openElfBuffer(swapped).view.dynamic?.needed, ['libc.so.6', 'libprobe.so.1']);
});

test('a name of the same length is replaced in place', (t) => {
  const plan = planFor(fixtureBytes('x86_64/needs-libprobe'), {
    replaceNeeded: {'libprobe.so.1': 'libprobe.so.2'},
  });
  t.is(plan.placement, 'in-place');
  t.deepEqual(
    plan.writes.map(({bytes}) => Buffer.from(bytes).toString()),
    ['2'],
  );
});

test('a library that is needed already moves to the front', (t) => {
  const edited = edit(fixtureBytes('x86_64/needs-libprobe'), {addNeededFirst: ['libc.so.6']});
  t.deepEqual(openElfBuffer(edited).view.dynamic?.needed, ['libc.so.6', 'libprobe.so.1']);
});

test('names that are not needed are passed over', (t) => {
  const bytes = fixtureBytes('x86_64/probe-pie');
  t.is(planFor(bytes, {removeNeeded: ['libnone.so']}).placement, 'none');
  t.is(planFor(bytes, {replaceNeeded: {'libnone.so': 'libx.so'}}).placement, 'none');
});

test('a static program needs no library', (t) => {
  for (const request of [{addNeeded: ['x']}, {removeNeeded: ['x']}, {replaceNeeded: {x: 'y'}}])
    t.throws(() => planFor(fixtureBytes('x86_64/hello-static'), request), {code: 'NO_DYNAMIC'});
  t.throws(() => planFor(fixtureBytes('x86_64/hello-static-pie'), {addNeeded: ['x']}), {code: 'UNSAFE_EDIT'});
});

test(
  'a library with versions gets no name with a token, with which ld.so aborts; one without may',
  withTools((t) => {
    const {path: file} = fixture('x86_64/needs-libprobe');
    const library = fixture('x86_64/libprobe.so.1').path;
    for (const name of ['$ORIGIN/libprobe.so.1', `\${ORIGIN}/libprobe.so.1`, '/usr/$LIB/libprobe.so.1'])
      t.throws(() => planFor(readFileSync(file), {replaceNeeded: {'libprobe.so.1': name}}), {
        code: 'UNSAFE_EDIT',
        message: /expected a plain name \(libprobe\.so\.1\)/,
      });
    const plain = edit(readFileSync(file), {replaceNeeded: {'libprobe.so.1': '$ORIGINAL/libprobe.so.1'}});
    t.true(openElfBuffer(plain).view.dynamic?.needed.includes('$ORIGINAL/libprobe.so.1'));
    const unversioned = edit(readFileSync(file), {clearSymbolVersions: ['probe_version', 'probe_answer']});
    const found = programFile(
      t,
      edit(unversioned, {removeRpath: true, replaceNeeded: {'libprobe.so.1': '$ORIGIN/libprobe.so.1'}}),
    );
    copyFileSync(library, path.join(path.dirname(found), 'libprobe.so.1'));
    t.regex(run(found, []).stdout, /^needs-libprobe: /);
    // What other tools write.
    const copy = programFile(t, readFileSync(file));
    copyFileSync(library, path.join(path.dirname(copy), 'libprobe.so.1'));
    t.is(run('patchelf', ['--replace-needed', 'libprobe.so.1', '$ORIGIN/libprobe.so.1', copy]).status, 0);
    t.regex(run(copy, []).stderr, /needed != NULL/);
    t.deepEqual(
      checkElf(openElfBuffer(readFileSync(copy)).view).map(({code}) => code),
      ['TOKEN_IN_VERSIONS'],
    );
  }),
);

test(
  'a library that one request renames can be removed by the next, with its versions',
  withTools((t) => {
    const file = fixture('x86_64/needs-libprobe');
    const {view} = openElfBuffer(fixtureBytes(file.name));
    const requests = [{replaceNeeded: {'libprobe.so.1': 'libx.so.1'}}, {removeNeeded: ['libx.so.1']}];
    const edited = programFile(t, applyPlanToBuffer(fixtureBytes(file.name), planEdit(view, requests)));
    t.deepEqual(neededOf(edited), ['libc.so.6']);
    t.notRegex(output('readelf', ['-VW', edited]), /File: lib(probe|x)/);
    // The old name is no longer there.
    const late = planEdit(view, [requests[0] ?? {}, {removeNeeded: ['libprobe.so.1']}]);
    t.deepEqual(late.changes, ['needed (DT_NEEDED): libprobe.so.1 -> libx.so.1']);
  }),
);

test(
  'a library of which patchelf left the versions is removed or replaced in DT_VERNEED, and the program starts again',
  withTools((t) => {
    const broken = programFile(t, fixtureBytes('x86_64/needs-libprobe'));
    copyFileSync(fixture('x86_64/libprobe.so.1').path, path.join(path.dirname(broken), 'libprobe.so.1'));
    t.is(run('patchelf', ['--remove-needed', 'libprobe.so.1', broken]).status, 0);
    t.is(run('patchelf', ['--add-needed', '$ORIGIN/libprobe.so.1', broken]).status, 0);
    t.regex(run(broken, []).stderr, /needed != NULL/);
    for (const [request, change] of [
      [{removeNeeded: ['libprobe.so.1']}, 'versions needed (DT_VERNEED): libprobe.so.1 removed'],
      [
        {
          replaceNeeded: {'libprobe.so.1': 'libc.so.6'},
          clearSymbolVersions: ['probe_version', 'probe_answer'],
        },
        'versions needed (DT_VERNEED): libprobe.so.1 -> libc.so.6',
      ],
    ] as const) {
      const plan = planFor(readFileSync(broken), request);
      t.is(plan.changes[0], change);
      t.false(plan.notes.some((note) => note.includes('is not in DT_NEEDED')));
      const edited = programFile(t, edit(readFileSync(broken), request));
      copyFileSync(fixture('x86_64/libprobe.so.1').path, path.join(path.dirname(edited), 'libprobe.so.1'));
      t.regex(run(edited, []).stdout, /^needs-libprobe: /);
      t.deepEqual(checkElf(openElfBuffer(readFileSync(edited)).view), []);
    }
  }),
);
