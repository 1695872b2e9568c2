/*
 * The direction of imports: errors <- source <- elf <- edit <- write, and the rooms built on them. Each import
 * statement of src is compared with the table below, which is the complete rule. There are no import cycles, and the
 * table gives no unused permission.
 */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {version} from '../src/version.js';

/** Compiled tests are in build/test. */
const project = fileURLToPath(new URL('../../', import.meta.url));

interface Room {
  /** Other rooms whose files it may import; it may always import its own. */
  readonly rooms: readonly string[];
  /** Packages of the registry. */
  readonly packages?: readonly string[];
  /** May it import Node's own modules? */
  readonly node?: boolean;
}

/** A room is a folder of src, or a file directly in src. */
const rooms: Readonly<Record<string, Room>> = {
  'errors.ts': {rooms: []},
  'version.ts': {rooms: []},
  source: {rooms: ['errors.ts'], node: true},
  elf: {rooms: ['errors.ts', 'source']},
  edit: {rooms: ['errors.ts', 'source', 'elf']},
  write: {rooms: ['errors.ts', 'source', 'elf', 'edit'], node: true},
  loader: {rooms: ['errors.ts', 'source', 'elf'], node: true},
  change: {rooms: ['errors.ts', 'source', 'write', 'loader'], node: true},
  pack: {
    rooms: ['errors.ts', 'version.ts', 'source', 'elf', 'edit', 'write', 'loader', 'change'],
    node: true,
    packages: ['tmp'],
  },
  bundle: {
    rooms: [
      'errors.ts',
      'version.ts',
      'source',
      'elf',
      'edit',
      'write',
      'loader',
      'change',
      'pack',
      'binfmt',
    ],
    node: true,
    packages: ['tmp'],
  },
  package: {
    rooms: ['errors.ts', 'version.ts', 'source', 'elf', 'edit', 'write', 'loader', 'change'],
    node: true,
    packages: ['tar'],
  },
  binfmt: {rooms: ['errors.ts', 'source', 'elf'], node: true},
  chroot: {
    rooms: [
      'errors.ts',
      'version.ts',
      'source',
      'elf',
      'write',
      'loader',
      'change',
      'pack',
      'bundle',
      'binfmt',
    ],
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
      'pack',
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

function folderOf(name: string): string {
  return name.split('/')[0] ?? '';
}

/**
 * Groups of files that all reach each other by imports, each group in alphabetical order (Tarjan's strongly connected
 * components).
 */
function circles(sources: readonly SourceFile[]): string[][] {
  const edges = new Map(
    sources.map((file) => [file.name, importsOf(file).map((from) => resolveImport(file.name, from))]),
  );
  const order = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (name: string): number => {
    const own = order.size;
    let lowest = own;
    order.set(name, own);
    stack.push(name);
    for (const next of edges.get(name) ?? []) {
      if (!edges.has(next)) continue;
      if (!order.has(next)) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, order.get(next) ?? lowest);
    }
    if (lowest < own) return lowest;
    const group = stack.splice(stack.indexOf(name)).sort();
    if (group.length > 1 || edges.get(name)?.includes(name)) found.push(group);
    return lowest;
  };
  for (const {name} of sources) if (!order.has(name)) visit(name);
  return found;
}

/** The entry of the table that allows an import. */
function permissionFor({name}: SourceFile, specifier: string): string {
  if (specifier.startsWith('node:')) return 'node';
  return specifier.startsWith('.') ? folderOf(resolveImport(name, specifier)) : specifier;
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

/** Everything that is loaded with a file, except type imports, which do not exist at run time. */
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

test('no file imports itself by way of others', (t) => {
  t.deepEqual(circles(files), []);
});

test('a circle is found, whichever way the imports are written', (t) => {
  const [a, b, c, d] = ['edit/a.ts', 'edit/b.ts', 'edit/c.ts', 'edit/d.ts'];
  const find = (texts: Readonly<Record<string, string>>) =>
    circles(Object.entries(texts).map(([name, text]) => ({name, text})));
  t.deepEqual(find({[a]: "import './b.js';\n", [b]: "import './c.js';\n", [c]: ''}), []);
  t.deepEqual(
    find({
      [a]: "import type {B} from './b.js';\n",
      [b]: "const c = await import('./c.js');\n",
      [c]: "export * from './a.js';\n",
      [d]: "import './a.js';\n",
    }),
    [[a, b, c]],
  );
});

test('every permission is used', (t) => {
  const unused = Object.entries(rooms).flatMap(([name, room]) => {
    const own = files.filter((file) => file.name.split('/')[0] === name);
    const used = new Set(own.flatMap((file) => importsOf(file).map((from) => permissionFor(file, from))));
    const given = [...room.rooms, ...(room.packages ?? []), ...(room.node === true ? ['node'] : [])];
    return given.filter((permission) => !used.has(permission)).map((permission) => `${name}: ${permission}`);
  });
  t.deepEqual(unused, []);
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

test('an edit is asked for, laid out and checked in folders of their own, and no folder knows the next one', (t) => {
  const allowed: Readonly<Record<string, RegExp>> = {
    'edit/layout/': /^(elf\/|source\/|errors\.ts$|edit\/layout\/|edit\/(plan|damage)\.ts$)/,
    'edit/request/': /^(elf\/|source\/|errors\.ts$|edit\/(layout|request)\/|edit\/(plan|damage)\.ts$)/,
    'edit/map/': /^(elf\/|source\/|errors\.ts$|edit\/(layout|map)\/)/,
    // The code that checks a plan shares nothing with the code that makes it.
    'edit/check/': /^(elf\/|source\/|errors\.ts$|edit\/check\/)/,
  };
  const foreign = (file: SourceFile) => {
    const folder = Object.keys(allowed).find((name) => file.name.startsWith(name)) ?? '';
    return importsOf(file)
      .map((specifier) => resolveImport(file.name, specifier))
      .filter((target) => !allowed[folder]?.test(target));
  };
  for (const folder of Object.keys(allowed)) {
    const inside = files.filter(({name}) => name.startsWith(folder));
    t.true(inside.length > 1, folder);
    for (const file of inside) t.deepEqual(foreign(file), [], file.name);
  }
  for (const name of ['edit/check/x.ts', 'edit/layout/x.ts', 'edit/map/x.ts'])
    t.deepEqual(foreign({name, text: "import {setSoname} from '../request/soname.js';\n"}), [
      'edit/request/soname.ts',
    ]);
  t.deepEqual(foreign({name: 'edit/check/x.ts', text: "import {Draft} from '../layout/draft.js';\n"}), [
    'edit/layout/draft.ts',
  ]);
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
