/*
 * Programs that carry data with them still find it after an edit: one that looks for it in each of the three ways,
 * a single executable application of Node's, and what bun compiles.
 */
import {copyFileSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {editFile, loaderLink} from '../helpers/edits.js';
import {fixture} from '../helpers/fixtures.js';
import {wholeNode} from '../helpers/node.js';
import {elfinterpPatchelf} from '../helpers/patchelf.js';
import {readelfInterpreter} from '../helpers/readelf.js';
import {tempDirectory} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';

const source = fileURLToPath(new URL('../../../test-binaries/sources/payload.c', import.meta.url));
const everywhere = 'trailer found, offset found, end of image found\n';

/** Link the program, and append what it looks for. */
function pack(t: ExecutionContext, linker: string, isAppImage = false): string {
  const file = path.join(tempDirectory(t), 'packed');
  output('gcc', [`-fuse-ld=${linker}`, '-O1', '-o', file, source]);
  const program = readFileSync(file);
  const data = Buffer.from(`#!data\n${'data '.repeat(5000)}`);
  const trailer = Buffer.alloc(16);
  trailer.writeBigUInt64LE(BigInt(data.length));
  trailer.write('d3n0l4nd', 8);
  program.writeBigUInt64LE(BigInt(program.length), program.indexOf('PAYLOAD-POSITION') + 16);
  if (isAppImage) program.set([0x41, 0x49, 2], 8);
  writeFileSync(file, Buffer.concat([program, data, trailer]), {mode: 0o755});
  t.is(output(file, []), everywhere);
  return file;
}

const program = fixture('x86_64/probe-pie');

test(
  'where there is slack, the data is found in each way after set',
  withTools((t) => {
    const file = pack(t, 'bfd');
    const {size} = statSync(file);
    for (const length of [60, 300]) {
      const interpreter = loaderLink(t, program, length);
      editFile(file, {interpreter, runpath: `/opt/${'r'.repeat(length)}`});
      t.is(readelfInterpreter(file), interpreter);
      t.is(statSync(file).size, size);
      t.is(output(file, []), everywhere);
    }
  }),
);

test(
  'where the file has to grow, set refuses, and the data is where the payload option puts it',
  withTools((t) => {
    const interpreter = loaderLink(t, program, 300);
    const expected = {
      keep: 'trailer gone, offset found, end of image found\n',
      move: 'trailer found, offset lost, end of image lost\n',
    };
    for (const payload of ['keep', 'move'] as const) {
      const file = pack(t, 'mold');
      const before = readFileSync(file);
      t.throws(() => editFile(file, {interpreter}), {code: 'PAYLOAD'});
      t.deepEqual(readFileSync(file), before);
      editFile(file, {interpreter, payload});
      t.is(output(file, []), expected[payload]);
    }
  }),
);

test(
  'an AppImage that has to grow finds its data at the end of the image and by the trailer',
  withTools((t) => {
    const file = pack(t, 'mold', true);
    editFile(file, {interpreter: loaderLink(t, program, 300), payload: 'move'});
    t.is(output(file, []), 'trailer found, offset lost, end of image found\n');
  }),
);

const postject = fileURLToPath(new URL('../../../node_modules/postject/dist/cli.js', import.meta.url));
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** A single executable application made of the Node that runs this test, or of one like it. */
function singleExecutable(t: ExecutionContext): string {
  const directory = tempDirectory(t);
  const at = (name: string) => path.join(directory, name);
  writeFileSync(
    at('main.js'),
    'console.log(`hello from a single executable:`, process.argv.slice(2).join());\n',
  );
  writeFileSync(
    at('sea.json'),
    JSON.stringify({main: at('main.js'), output: at('blob'), disableExperimentalSEAWarning: true}),
  );
  output(wholeNode(), ['--experimental-sea-config', at('sea.json')]);
  copyFileSync(wholeNode(), at('application'));
  const args = [postject, at('application'), 'NODE_SEA_BLOB', at('blob'), '--sentinel-fuse', fuse];
  output(process.execPath, args, {timeout: 600_000});
  return at('application');
}

test(
  'a single executable application of Node runs its script after set, in place and with a new segment',
  withTools((t) => {
    t.timeout(15 * 60_000, 'postject takes its time');
    const file = singleExecutable(t);
    const {size} = statSync(file);
    const hello = 'hello from a single executable: a,b\n';
    t.is(output(file, ['a', 'b']), hello);
    const interpreter = loaderLink(t, program, 120);
    editFile(file, {interpreter});
    t.is(readelfInterpreter(file), interpreter);
    t.is(statSync(file).size, size);
    t.is(output(file, ['a', 'b']), hello);
    const plan = editFile(file, {
      interpreter: loaderLink(t, program, 250),
      runpath: `/opt/${'r'.repeat(3000)}`,
    });
    t.is(plan.placement, 'new-segment');
    t.is(output(file, ['a', 'b']), hello);
  }),
);

/** Fetch bun as its users get it: 52 MB, the program in it 107 MB. Its version is one that docs/editing.md mentions. */
function fetchBun(directory: string): string {
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory];
  output('npm', [...pack, '@oven/bun-linux-x64@1.4.5'], {timeout: 600_000});
  output('tar', ['-xzf', path.join(directory, 'oven-bun-linux-x64-1.4.5.tgz'), '-C', directory]);
  return path.join(directory, 'package', 'bin', 'bun');
}

test(
  'an edited bun compiles a script, and what it made runs, also when it is edited itself',
  withTools((t) => {
    t.timeout(15 * 60_000, 'bun is fetched');
    const directory = tempDirectory(t);
    const bun = fetchBun(directory);
    const {size} = statSync(bun);
    const made = path.join(directory, 'made');
    writeFileSync(path.join(directory, 'hello.js'), 'console.log("made", process.argv.slice(2).join())\n');
    const interpreter = loaderLink(t, program, 250);
    for (const args of [
      ['--set-rpath', '/opt/lib'],
      ['--set-rpath', `$ORIGIN/../lib:/opt/${'r'.repeat(300)}`],
      ['--set-interpreter', interpreter],
    ]) {
      t.like(elfinterpPatchelf([...args, bun]), {status: 0, stderr: ''});
      t.is(statSync(bun).size, size, 'the edit fits into padding');
      const options = {cwd: directory, env: {HOME: directory}};
      output(bun, ['build', '--compile', 'hello.js', '--outfile', made], options);
      t.is(output(made, ['a', 'b']), 'made a,b\n', args.join(' '));
    }
    t.is(readelfInterpreter(made), interpreter);
    const plan = editFile(made, {
      interpreter: loaderLink(t, program, 60),
      runpath: `/opt/${'r'.repeat(3000)}`,
    });
    t.is(plan.placement, 'new-segment');
    t.is(output(made, ['c']), 'made c\n');
  }),
);
