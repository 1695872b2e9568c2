/*
 * The package as users get it: packed, installed into an empty directory, and used in every way that it offers, with
 * the releases of Node that it claims to support. Needs the registry, for its dependencies and those releases.
 */
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import {projectDirectory} from './helpers/cli.js';
import {fixture} from './helpers/fixtures.js';
import {installNode, npm as runNpm} from './helpers/node.js';
import {output, run} from './helpers/tools.js';

const {version, bin, man, dependencies} = JSON.parse(
  readFileSync(path.join(projectDirectory, 'package.json'), 'utf8'),
);
const {path: file} = fixture('x86_64/probe-pie');
const interpreter = '/lib64/ld-linux-x86-64.so.2\n';
const timeout = 600_000;

const directory = mkdtempSync(path.join(os.tmpdir(), 'elfinterp-package-'));
const app = path.join(directory, 'app');
let tarball = '';
let contents: string[] = [];

const npm = (args: readonly string[], cwd = app) => runNpm(args, cwd);

test.before(() => {
  mkdirSync(app);
  // Do not build: a build exists, and other tests are using it.
  const packed = npm(
    ['pack', '--ignore-scripts', '--json', '--pack-destination', directory],
    projectDirectory,
  );
  // An array; an object whose keys are the names of packages since npm 12.
  const [{filename, files}] = Object.values(JSON.parse(packed)) as [
    {filename: string; files: {path: string}[]},
  ];
  tarball = path.join(directory, filename);
  contents = files.map((entry) => entry.path);
  writeFileSync(path.join(app, 'package.json'), '{"name": "app", "private": true}');
  npm(['install', tarball]);
});

test.after.always(() => rmSync(directory, {recursive: true, force: true}));

test('the package has the library with its types, the programs, the manual, the documents, and nothing else', (t) => {
  const expected =
    /^(package\.json|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE|docs\/[\w-]+\.(md|html|svg)|examples\/[\w-]+\.(js|yml|md)|bin\/[\w-]+\.(js|json)|dist\/bin\/\w+\.cjs|man\/elfinterp[\w-]*\.1|share\/elfinterp\/mmdebstrap\/\w+-elfinterp|dist\/(?!cli\/)([\w-]+\/)*[\w-]+\.(d\.ts|js))$/;
  t.deepEqual(
    contents.filter((name) => !expected.test(name)),
    [],
  );
  for (const name of [...Object.values<string>(bin), ...man, 'dist/index.js', 'LICENSE', 'README.md'])
    t.true(contents.includes(name), name);
  for (const name of contents.filter((entry) => /^dist\/(?!bin).*\.js$/.test(entry)))
    t.true(contents.includes(name.replace(/js$/, 'd.ts')), name);
});

/** Written by `npm run coverage`, in a checkout. */
const writtenLater = 'docs/coverage.md';

test('whatever file the package names is in it', (t) => {
  const shipped = new Set(contents);
  const named = contents
    .filter((name) => !name.endsWith('.html'))
    .flatMap((name) => filesNamedIn(name).map((file) => `${name} names ${file}`));
  t.true(named.includes('share/elfinterp/mmdebstrap/setup99-elfinterp names docs/chroots.md'));
  t.true(named.includes('README.md names examples/arm-image.yml'));
  t.deepEqual(
    named.filter((line) => !shipped.has(line.split(' names ')[1] ?? '') && !line.endsWith(writtenLater)),
    [],
  );
});

/** What a file links to, and what it names as a file of the package. */
function filesNamedIn(name: string): string[] {
  const text = readFileSync(path.join(app, 'node_modules/elfinterp', name), 'utf8').replaceAll('\\-', '-');
  const links = name.endsWith('.md') ? [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)] : [];
  const words = text.matchAll(
    /(?<![\w./-])((?:docs|examples|share\/elfinterp|man)\/[\w/-]+\.\w+|[A-Z]{4,}\.md)\b/g,
  );
  return [
    ...links.map(([, target = '']) => path.posix.join(path.posix.dirname(name), target)),
    ...[...words].map(([, word = '']) => word),
  ];
}

test('each dependency has its reason in docs/dependencies.md, and no other is named there', (t) => {
  const text = readFileSync(path.join(projectDirectory, 'docs/dependencies.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([^`]+)` \| .{5,} \| .{5,} \|$/gm)].map(([, name]) => name);
  t.deepEqual(rows.toSorted(), Object.keys(dependencies).toSorted());
});

test('npx elfinterp', (t) => {
  t.is(npm(['exec', '--offline', '--', 'elfinterp', 'get', file]), interpreter);
  t.is(npm(['exec', '--offline', '--', 'elfinterp-patchelf', '--print-interpreter', file]), interpreter);
});

test('installed globally, with its manual', (t) => {
  const prefix = path.join(directory, 'global');
  npm(['install', '--global', '--prefix', prefix, tarball]);
  t.is(output(path.join(prefix, 'bin/elfinterp'), ['get', file]), interpreter);
  // npm 12 and later leave it in the package.
  const isLinked = Number.parseInt(npm(['--version']), 10) < 12;
  const pages = path.join(prefix, isLinked ? 'share/man/man1' : 'lib/node_modules/elfinterp/man');
  t.true(readFileSync(path.join(pages, 'elfinterp-set.1'), 'utf8').startsWith('.TH ELFINTERP-SET 1'));
});

const uses = {
  'esm.mjs': "import {openElf, version} from 'elfinterp';",
  'commonjs.cjs': "const {openElf, version} = require('elfinterp');",
};

/** A program that uses the library. */
function write(name: keyof typeof uses): string {
  const program = path.join(app, name);
  writeFileSync(
    program,
    `${uses[name]}
    openElf(process.argv[2]).then(async (elf) => {
      console.log(version, elf.view.interpreter?.path);
      await elf.close();
    });\n`,
  );
  return program;
}

/** The oldest supported release, and the newest of each line. The registry has Node as packages. */
for (const node of ['20.19.0', '22', '24'])
  test(`Node ${node}: the programs, import and require`, (t) => {
    const place = path.join(directory, `node-${node}`);
    mkdirSync(place);
    const binary = installNode(node, place);
    t.true(output(binary, ['--version']).startsWith(`v${node}`));
    const program = (name: string) => path.join(app, 'node_modules/elfinterp', bin[name]);
    const copy = path.join(place, 'program');
    t.is(output(binary, [program('elfinterp'), 'get', file]), interpreter);
    t.is(run(binary, [program('elfinterp'), 'set', '--output', copy, file, '/opt/ld.so']).stderr, '');
    t.is(output(binary, [program('elfinterp-patchelf'), '--print-interpreter', copy]), '/opt/ld.so\n');
    t.is(output(binary, [program('elfinterp'), 'tree', '--format', 'json', file]).slice(0, 1), '[');
    // Run it twice, so that the second run uses code compiled by this Node.
    t.is(output(binary, [program('elfinterp'), 'get', file]), interpreter);
    for (const name of Object.keys(uses) as (keyof typeof uses)[]) {
      const {stdout, stderr} = run(binary, [write(name), file]);
      t.is(stdout, `${version} ${interpreter}`, stderr);
    }
  });

for (const [module, moduleResolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
] as const)
  test(`TypeScript with moduleResolution ${moduleResolution} finds the types`, (t) => {
    const place = path.join(app, moduleResolution);
    mkdirSync(place);
    const source = path.join(place, 'use.mts');
    const types = path.join(projectDirectory, 'node_modules/@types');
    const check = (text: string) => {
      writeFileSync(source, text);
      const options = [
        '--noEmit',
        '--strict',
        '--target',
        'es2023',
        '--module',
        module,
        '--moduleResolution',
      ];
      const words = [
        ...options,
        moduleResolution,
        '--lib',
        'es2023,esnext.disposable',
        '--typeRoots',
        types,
        '--types',
        'node',
        source,
      ];
      return run(path.join(projectDirectory, 'node_modules/.bin/tsc'), words, {cwd: place});
    };
    const good = `import {openElf, type Plan, planEdit} from 'elfinterp';
      export async function plan(path: string): Promise<Plan> {
        await using file = await openElf(path);
        return planEdit(file.view, {interpreter: '/ld.so'});
      }`;
    t.is(check(good).stdout, '');
    t.regex(check(good.replace("'/ld.so'", '1')).stdout, /Type 'number' is not assignable to type 'string/);
  });

test('publint and attw find nothing to say', (t) => {
  const tool = (name: string) => path.join(projectDirectory, 'node_modules/.bin', name);
  const lint = run(tool('publint'), ['run', tarball, '--strict'], {timeout});
  t.is(lint.status, 0, lint.stdout + lint.stderr);
  const types = run(tool('attw'), [tarball, '--profile', 'esm-only', '--no-emoji'], {timeout});
  t.is(types.status, 0, types.stdout + types.stderr);
});
