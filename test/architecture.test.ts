/*
 * The direction of imports: errors <- source <- elf <- edit <- write, and the rooms built on them. Each import
 * statement of src is read and compared with the table below, which is the whole rule.
 */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {version} from '../src/version.js';

/** Compiled tests lie in build/test. */
const project = fileURLToPath(new URL('../../', import.meta.url));

interface Room {
  /** Other rooms whose files it may import; its own always. */
  readonly rooms: readonly string[];
  /** Packages of the registry. */
  readonly packages?: readonly string[];
  /** May it import Node's own modules? */
  readonly node?: boolean;
}

/** A room is a folder of src, or a file that stands in src itself. */
const rooms: Readonly<Record<string, Room>> = {
  'errors.ts': {rooms: []},
  'version.ts': {rooms: []},
  source: {rooms: ['errors.ts'], node: true},
  elf: {rooms: ['errors.ts', 'source']},
  edit: {rooms: ['errors.ts', 'source', 'elf']},
  write: {rooms: ['errors.ts', 'source', 'elf', 'edit'], node: true, packages: ['tmp']},
  loader: {rooms: ['errors.ts', 'source', 'elf'], node: true},
  bundle: {
    rooms: ['errors.ts', 'version.ts', 'source', 'elf', 'edit', 'write', 'loader'],
    node: true,
    packages: ['tmp'],
  },
  package: {
    rooms: ['errors.ts', 'version.ts', 'source', 'elf', 'edit', 'write', 'loader'],
    node: true,
    packages: ['tar', 'tmp'],
  },
  binfmt: {rooms: ['errors.ts', 'source', 'elf'], node: true},
  chroot: {
    rooms: ['errors.ts', 'source', 'elf', 'edit', 'write', 'loader', 'bundle', 'binfmt'],
    node: true,
    packages: ['tmp'],
  },
  cli: {rooms: ['index.ts'], node: true, packages: ['yargs', '@viz-js/viz']},
  'index.ts': {
    rooms: [
      'errors.ts',
      'version.ts',
      'source',
      'elf',
      'edit',
      'write',
      'loader',
      'bundle',
      'package',
      'binfmt',
      'chroot',
    ],
  },
};

interface SourceFile {
  /** Path below src. */
  readonly name: string;
  readonly text: string;
}

const files: readonly SourceFile[] = readdirSync(path.join(project, 'src'), {recursive: true})
  .map(String)
  .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
  .map((name) => ({name, text: readFileSync(path.join(project, 'src', name), 'utf8')}));

/** What a file imports, types and dynamic imports included. */
function importsOf({text}: SourceFile): string[] {
  const statements = [
    /^(?:import|export)\s[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]\s*\)/gm,
  ];
  return statements.flatMap((pattern) => [...text.matchAll(pattern)].map(([, from = '']) => from));
}

/** The path below src that a relative import leads to. */
function resolveImport(from: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

/** What is wrong with the imports of one file, in words. */
function violations(file: SourceFile): string[] {
  const name = file.name.split('/')[0] ?? '';
  const room = rooms[name];
  if (room === undefined) return [`${file.name}: no room of the design`];
  return importsOf(file).flatMap((specifier) => {
    const problem = specifier.startsWith('.')
      ? forbiddenRoom(name, room, resolveImport(file.name, specifier))
      : forbiddenPackage(room, specifier);
    return problem === undefined ? [] : [`${file.name} imports ${specifier}: ${problem}`];
  });
}

function forbiddenRoom(name: string, room: Room, target: string): string | undefined {
  const other = target.split('/')[0] ?? '';
  if (!files.some((file) => file.name === target)) return 'no such file of src';
  return other === name || room.rooms.includes(other) ? undefined : `${name} may not use ${other}`;
}

function forbiddenPackage(room: Room, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return room.node ? undefined : 'a module of Node';
  return room.packages?.includes(specifier) ? undefined : 'a package';
}

/** All that is loaded with a file, type imports left out since they are gone when it runs. */
function loadedWith(name: string, seen = new Set<string>()): Set<string> {
  const text = files
    .find((file) => file.name === name)
    ?.text.replaceAll(/^(import|export) type .*?;$/gms, '');
  if (seen.has(name) || text === undefined) return seen;
  seen.add(name);
  for (const specifier of importsOf({name, text})) {
    if (specifier.startsWith('.')) loadedWith(resolveImport(name, specifier), seen);
    else seen.add(specifier);
  }
  return seen;
}

test('every file of src imports only what lies below it', (t) => {
  t.true(files.length > 50);
  t.deepEqual(files.flatMap(violations), []);
});

/** The files of a room that import one another in a circle, types included, each with the way back to itself. */
function circlesIn(room: string, all: readonly SourceFile[] = files): string[] {
  const own = all.filter(({name}) => name.startsWith(`${room}/`));
  const imports = new Map(
    own.map((file) => [
      file.name,
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => resolveImport(file.name, specifier)),
    ]),
  );
  return own.flatMap(({name}) => {
    const reached = new Map<string, string>();
    for (const pending = [name]; pending.length > 0; ) {
      const at = pending.pop() ?? '';
      for (const next of imports.get(at) ?? []) {
        if (reached.has(next)) continue;
        reached.set(next, at);
        pending.push(next);
      }
    }
    return reached.has(name) ? [`${name} is imported by ${reached.get(name)}, which it needs`] : [];
  });
}

/** Rooms whose files form no circle; a command's code is loaded by its definition, when it is run. */
const withoutCircles = ['cli', 'loader'];

test('no file imports itself by way of others', (t) => {
  for (const room of withoutCircles) t.deepEqual(circlesIn(room), [], room);
  const circle = [
    {name: 'loader/a.ts', text: "import {b} from './b.js';\n"},
    {name: 'loader/b.ts', text: "import type {C} from './c.js';\n"},
    {name: 'loader/c.ts', text: "import {a} from './a.js';\nimport {d} from './d.js';\n"},
    {name: 'loader/d.ts', text: ''},
  ];
  t.is(circlesIn('loader', circle).length, 3);
});

test('each import statement is seen', (t) => {
  for (const file of files) {
    const lines = file.text.split('\n').filter((line) => /(\bfrom|^import) '[^']*';$/.test(line));
    t.is(
      importsOf(file).filter((specifier) => !file.text.includes(`import('${specifier}')`)).length,
      lines.length,
      file.name,
    );
  }
});

test('an import against the direction is found', (t) => {
  const find = (name: string, text: string) => violations({name, text});
  t.deepEqual(find('elf/view.ts', "import {planEdit} from '../edit/plan-edit.js';\n"), [
    'elf/view.ts imports ../edit/plan-edit.js: elf may not use edit',
  ]);
  t.deepEqual(find('edit/x.ts', "import type {\n  Stats,\n  Dirent,\n} from 'node:fs';\n"), [
    'edit/x.ts imports node:fs: a module of Node',
  ]);
  t.deepEqual(
    find('cli/x.ts', "import {hex} from '../errors.js';\nimport tmp from 'tmp';\nimport '../index.js';\n"),
    ['cli/x.ts imports ../errors.js: cli may not use errors.ts', 'cli/x.ts imports tmp: a package'],
  );
  t.deepEqual(find('loader/x.ts', "const {applyPlan} = await import('../write/apply.js');\n"), [
    'loader/x.ts imports ../write/apply.js: loader may not use write',
  ]);
  t.deepEqual(find('source/x.ts', "export * from './nothing.js';\n"), [
    'source/x.ts imports ./nothing.js: no such file of src',
  ]);
  t.deepEqual(find('helpers/x.ts', ''), ['helpers/x.ts: no room of the design']);
});

test('planning an edit on bytes in memory loads nothing of Node', (t) => {
  for (const name of ['edit/plan-edit.ts', 'elf/check.ts', 'elf/view.ts', 'source/buffer.ts']) {
    const loaded = [...loadedWith(name)];
    t.true(loaded.includes(name));
    t.deepEqual(
      loaded.filter((other) => !files.some((file) => file.name === other)),
      [],
      name,
    );
    for (const other of loaded) {
      const text = files.find((file) => file.name === other)?.text ?? '';
      t.notRegex(text, /^(?!\s*(\*|\/)).*\b(Buffer|process|__dirname)\b[.(]/m, other);
    }
  }
  t.true(loadedWith('elf/open.ts').has('node:fs'), 'where there is such an import, it is found');
});

test('index.ts only re-exports', (t) => {
  const index = files.find(({name}) => name === 'index.ts')?.text ?? '';
  const statements = index.split(/;\n/).map((statement) => statement.trim());
  t.deepEqual(
    statements.filter(
      (statement) => statement !== '' && !/^export (type )?\{[^{}]*\} from '[^']+'$/s.test(statement),
    ),
    [],
  );
});

test('the version is the one of package.json', (t) => {
  const manifest = JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8')) as {version: string};
  t.is(version, manifest.version);
});

test('bytes become text as UTF-8, or by byteString: the other encodings of TextDecoder differ between versions of Node', (t) => {
  const others = files.filter(({text}) => /new TextDecoder\(\s*[^)\s]/.test(text)).map(({name}) => name);
  t.deepEqual(others, []);
});
