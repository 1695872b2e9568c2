/*
 * The test programs themselves: that each is known, and does what the other tests count on.
 */
import {readdirSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {debugFile, fixture, fixtures} from '../helpers/fixtures.js';
import {copyFixture} from '../helpers/temp.js';
import {runProgram, withTools} from '../helpers/tools.js';

test('each committed file is in the list, and each of the list is there', (t) => {
  const root = path.resolve(path.dirname(debugFile), '..');
  const directories = readdirSync(root, {withFileTypes: true}).filter((entry) => entry.isDirectory());
  const found = directories
    .filter(({name}) => name !== 'sources')
    .flatMap(({name}) => readdirSync(path.join(root, name)).map((file) => `${name}/${file}`));
  const listed = [...fixtures.map(({name}) => name), path.relative(root, debugFile)];
  t.deepEqual(found.sort(), listed.sort());
});
for (const {name, path: file, command, interpreter, output} of fixtures) {
  if (output === undefined) continue;
  test(
    `${name}: runs ${command.length === 0 ? 'natively' : `under ${command[0]}`} and finds itself undamaged`,
    withTools((t) => {
      const {status, stdout, stderr} = runProgram({command, interpreter}, file);
      t.regex(stdout, output);
      t.is(stderr, '');
      t.is(status, 0);
    }),
  );
}
test(
  'a library is searched beside the program, by RUNPATH and by RPATH',
  withTools((t) => {
    for (const name of ['x86_64/needs-libprobe', 'x86_64/needs-libprobe-rpath']) {
      const {status, stderr} = runProgram(fixture(name), copyFixture(t, name));
      t.is(status, 127, 'a copy elsewhere does not find it');
      t.regex(stderr, /libprobe\.so\.1/);
    }
  }),
);
test(
  'a static program of ARM says what it was called as',
  withTools((t) => {
    const {path: file, command, interpreter} = fixture('armel/hello-static');
    const {stdout} = runProgram({command, interpreter}, file, ['-m', 'x y']);
    t.is(stdout, `hello from ARM: armv7l, argv[0]=${file}, argv[1]=-m, argv[2]=x y\n`);
  }),
);
//# sourceMappingURL=fixtures.test.js.map
