import test from 'ava';
import {complaintsSince, runBeside} from '../../helpers/edited.js';
import {edit, planFor, programFile} from '../../helpers/edits.js';
import {fixture, fixtureBytes} from '../../helpers/fixtures.js';
import {readelfDynamic} from '../../helpers/readelf.js';
import {withTools} from '../../helpers/tools.js';

for (const toolchain of ['x86_64', 'armhf', 's390x'] as const) {
  const file = fixture(`${toolchain}/libprobe.so.1`);
  const bytes = fixtureBytes(file.name);

  for (const soname of ['libp.so', 'libprobe.so.2', 'libprobe-with-a-much-longer-name.so.1.2.3']) {
    test(
      `${file.name}: the soname ${soname} is read back, and a program that needs it runs`,
      withTools((t) => {
        const edited = edit(bytes, {soname});
        t.is(edited.length, bytes.length);
        const copy = programFile(t, edited);
        t.deepEqual(
          readelfDynamic(copy)
            .filter(({type}) => type === 'SONAME')
            .map(({string}) => string),
          [soname],
        );
        t.deepEqual(complaintsSince(t, file, edited), []);
        const user = fixture(`${toolchain}/needs-libprobe`);
        const program = edit(fixtureBytes(user.name), {replaceNeeded: {'libprobe.so.1': soname}});
        t.is(runBeside(t, user, program, {[soname]: copy}).stdout, 'needs-libprobe: 83, version 2\n');
        t.is(planFor(edited, {soname}).placement, 'none');
      }),
    );
  }
}

test('a program does not need a soname', (t) => {
  for (const name of ['x86_64/probe-pie', 'x86_64/probe-exec', 'armel/probe-pie'])
    t.throws(() => planFor(fixtureBytes(name), {soname: 'x.so'}), {code: 'UNSUPPORTED'});
});
