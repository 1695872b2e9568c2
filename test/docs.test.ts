/*
 * Documents that list something must list all of it.
 */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {commands} from '../src/cli/commands.js';
import {elfinterp, projectDirectory} from './helpers/cli.js';
import {fixture} from './helpers/fixtures.js';

const read = (file: string) => readFileSync(path.join(projectDirectory, file), 'utf8');

test('docs/errors.md says what each error code means, and names no other', (t) => {
  const union = /export type ErrorCode =([^;]*);/.exec(read('src/errors.ts'))?.[1] ?? '';
  const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code);
  const rows = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| (.{20,}?) \|/gm)].map(
    ([, code]) => code,
  );
  t.true(codes.length > 10);
  t.deepEqual(rows.toSorted(), codes.toSorted());
});

test('docs/json.md has every command that prints JSON', (t) => {
  const headings = [...read('docs/json.md').matchAll(/^## (.*)$/gm)]
    .map(([, heading = '']) => heading)
    .join(', ');
  for (const {usage, options} of commands)
    if ('json' in options) t.true(headings.split(/, | and /).includes(usage.split(' ')[0] ?? ''), usage);
});

test('docs/json.md names every field that get, needed, check, set and show print', (t) => {
  const text = read('docs/json.md');
  const {path: file} = fixture('x86_64/needs-libprobe');
  for (const args of [
    ['get', file],
    ['needed', file],
    ['check', file],
    ['set', file, '/ld.so', '--dry-run'],
    ['show', file],
  ]) {
    const value = JSON.parse(elfinterp([...args, '--json']).stdout);
    for (const field of Object.keys(Array.isArray(value) ? value[0] : value))
      t.true(text.includes(`"${field}"`) || text.includes(`\`${field}\``), `${args[0]}: ${field}`);
  }
});
