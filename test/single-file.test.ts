/*
 * The executable that contains Node and the command lines: it does what they do, and can even change itself.
 */
import {copyFileSync, mkdirSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {version} from '../src/index.js';
import {elfinterp, projectDirectory} from './helpers/cli.js';
import {fixture} from './helpers/fixtures.js';
import {wholeNode} from './helpers/node.js';
import {readelfInterpreter} from './helpers/readelf.js';
import {tempDirectory} from './helpers/temp.js';
import {output, run, withTools} from './helpers/tools.js';

test(
  'a single executable file does as the package does, also under other names, and sets its own interpreter',
  withTools((t) => {
    t.timeout(10 * 60_000, 'Node has a hundred megabytes');
    const directory = tempDirectory(t);
    const program = path.join(directory, 'elfinterp');
    const script = path.join(projectDirectory, 'scripts/single-file.js');
    output(wholeNode(), [script, program], {timeout: 600_000});
    t.is(output(program, ['--version']), `${version}\n`);

    const {path: file} = fixture('x86_64/needs-libprobe');
    for (const args of [
      ['needed', file],
      ['get', '--json', file],
      ['show', file],
      ['tree', '--format', 'svg', '/bin/true'],
      ['edit', '--no-such', file],
      ['set', '--help'],
    ])
      t.deepEqual(run(program, args), elfinterp(args), args.join(' '));
    for (const [name, args, shown] of [
      ['elfinterp-patchelf', ['--print-rpath', file], '$ORIGIN\n'],
      ['elfinterp-chrpath', ['-l', file], `${file}: RUNPATH=$ORIGIN\n`],
    ] as const) {
      symlinkSync(program, path.join(directory, name));
      t.is(output(path.join(directory, name), args), shown);
    }

    const loader = path.join(directory, 'libraries', 'ld.so');
    mkdirSync(path.dirname(loader));
    symlinkSync(readelfInterpreter(program) ?? '', loader);
    const copy = path.join(directory, 'copy');
    copyFileSync(program, copy);
    output(copy, ['set', copy, loader]);
    t.is(readelfInterpreter(copy), loader);
    t.is(output(copy, ['get', copy]), `${loader}\n`);
    t.is(output(copy, ['--version']), `${version}\n`);
    t.is(output(program, ['get', program]), `${readelfInterpreter(program)}\n`);
  }),
);
