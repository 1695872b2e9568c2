import test from 'ava';
import {complaintsSince, loadedFixtures, runsAsBefore} from '../../helpers/edited.js';
import {edit, editOrNoRoom, hasRoom, planFor, programFile} from '../../helpers/edits.js';
import {fixture, fixtureBytes} from '../../helpers/fixtures.js';
import {readelfDynamic, readelfSegments} from '../../helpers/readelf.js';
import {output, withTools} from '../../helpers/tools.js';

for (const file of loadedFixtures) {
  const {name} = file;
  const bytes = fixtureBytes(name);

  test(
    `${name}: the stack becomes executable and back, byte for byte`,
    withTools((t) => {
      const stackOf = (program: string) =>
        readelfSegments(program).find(({type}) => type === 'GNU_STACK')?.p_flags;
      const before = stackOf(file.path);
      const edited = editOrNoRoom(bytes, {execStack: true});
      if (edited === undefined) {
        t.is(before, undefined);
        return;
      }
      t.is(stackOf(programFile(t, edited)), 7);
      if (before === 6) t.deepEqual(edit(edited, {execStack: false}), bytes);
      runsAsBefore(t, file, edited);
    }),
  );

  test(
    `${name}: DF_1_NODEFLIB is set and cleared again`,
    withTools((t) => {
      const flags = (program: string) =>
        /\(FLAGS_1\) +(.*)/.exec(output('readelf', ['-dW', program]))?.[1] ?? '';
      const edited = editOrNoRoom(bytes, {noDefaultLib: true});
      if (edited === undefined) {
        t.false(hasRoom(file));
        return;
      }
      t.regex(flags(programFile(t, edited)), /NODEFLIB/);
      if (file.hasSections) t.deepEqual(complaintsSince(t, file, edited), []);
      t.is(planFor(edited, {noDefaultLib: true}).placement, 'none');
      const back = edit(edited, {noDefaultLib: false});
      if (edited.length === bytes.length) t.deepEqual(back, bytes);
      else t.notRegex(flags(programFile(t, back)), /NODEFLIB/);
    }),
  );
}

test(
  'the OS ABI is read back by readelf',
  withTools((t) => {
    const bytes = fixtureBytes('s390x/probe-pie');
    for (const [osAbi, shown] of [
      ['Linux', 'UNIX - GNU'],
      ['FreeBSD', 'UNIX - FreeBSD'],
      ['sysv', 'UNIX - System V'],
      ['hp-ux', 'UNIX - HP-UX'],
    ] as const)
      t.regex(
        output('readelf', ['-hW', programFile(t, edit(bytes, {osAbi}))]),
        new RegExp(`OS/ABI: +${shown}`),
      );
    runsAsBefore(t, fixture('s390x/probe-pie'), edit(bytes, {osAbi: 'gnu'}));
    t.throws(() => planFor(bytes, {osAbi: '77'}), {code: 'BAD_REQUEST', message: /System V/});
  }),
);

test(
  'DT_DEBUG is added to a library, and nothing is done to a program that has it',
  withTools((t) => {
    const edited = edit(fixtureBytes('x86_64/libprobe.so.1'), {addDebugTag: true});
    t.is(readelfDynamic(programFile(t, edited)).filter(({type}) => type === 'DEBUG').length, 1);
    t.is(planFor(fixtureBytes('x86_64/probe-pie'), {addDebugTag: true}).placement, 'none');
  }),
);
