/*
 * The manual pages: one per command, in the same words as the help, and without warnings from man(1).
 */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {commands, groups, nameOf} from '../../src/cli/commands.js';
import {projectDirectory} from '../helpers/cli.js';
import {run, withTools} from '../helpers/tools.js';

const directory = path.join(projectDirectory, 'man');
const pages = readdirSync(directory).sort();

test('there is a page for each program, command and group, and package.json names them all', (t) => {
  const names = [
    'elfinterp',
    'elfinterp-patchelf',
    'elfinterp-chrpath',
    ...[...Object.keys(groups), ...commands.map(nameOf)].map((name) => `elfinterp ${name}`),
  ];
  t.deepEqual(pages, names.map((name) => `${name.replaceAll(' ', '-')}.1`).sort());
  const {man} = JSON.parse(readFileSync(path.join(projectDirectory, 'package.json'), 'utf8'));
  t.deepEqual(
    man,
    pages.map((page) => `man/${page}`),
  );
});

for (const page of pages)
  test(
    `${page} is formatted without a warning`,
    withTools((t) => {
      const file = path.join(directory, page);
      t.is(run('groff', ['-man', '-ww', '-z', file]).stderr, '');
      // There is no date, so that the same source gives the same page.
      const {stdout} = run('mandoc', ['-Tlint', '-Wwarning', file]);
      t.deepEqual(
        stdout.split('\n').filter((line) => !/^$|missing date/.test(line)),
        [],
      );
    }),
  );

test(
  'quotes and other characters of a command line are printed as they are',
  withTools((t) => {
    for (const page of pages) {
      const {stdout} = run('groff', ['-man', '-Tutf8', path.join(directory, page)]);
      t.notRegex(stdout, /[\u2018\u2019\u02c6\u02dc]/, page);
    }
  }),
);

for (const command of commands)
  test(
    `${nameOf(command)}: the manual says what the help says`,
    withTools((t) => {
      const text = textOf(`elfinterp-${nameOf(command).replaceAll(' ', '-')}.1`);
      t.true(text.includes(command.summary));
      for (const [name, {describe = ''}] of Object.entries(command.options))
        t.true(text.includes(`${name}`) && text.includes(describe), name);
      for (const {line, meaning} of command.examples) t.true(text.includes(`${line} ${meaning}`), line);
    }),
  );

for (const [name, pattern] of [
  // [--set-rpath RPATH]    Sets ...
  ['elfinterp-patchelf', /^ {2}\[(.*?)\]\s+(.*)$/gm],
  //    -r <path>|--replace <path>  Replace ...
  ['elfinterp-chrpath', /^ {3}\S.*?\|(--\S+(?: <path>)?)\s+(.*)$/gm],
] as const)
  test(
    `${name}: the manual says what the help says`,
    withTools((t) => {
      const text = textOf(`${name}.1`);
      const {stdout, stderr} = run(process.execPath, [
        path.join(projectDirectory, `bin/${name}.js`),
        '--help',
      ]);
      const entries = [...(stdout + stderr).matchAll(pattern)];
      t.true(entries.length > 6);
      for (const [, term = '', help] of entries) {
        t.true(text.includes(` ${term.split(' ')[0]}`), term);
        t.true(text.includes(` ${help} `), help);
      }
    }),
  );

/** A page as plain text, in one line. */
function textOf(page: string): string {
  const shown = run('mandoc', ['-Tutf8', '-Owidth=1000', path.join(directory, page)]).stdout;
  return shown.replaceAll(/.\x08/g, '').replaceAll(/\s+/g, ' ');
}
