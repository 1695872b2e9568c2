/*
 * Write docs/api.md: every export of the library, with its declaration and docstring. The input is the declaration
 * files that tsc writes (npm run build), which always have the same form: each declaration begins in column 0, right
 * below its docstring. TypeScript 7 has no compiler API for a documentation generator to use.
 *
 * `--print` writes the page to standard output, for the test that compares. `--examples DIR` writes each example to
 * a file in DIR, as the page shows it, for the test that runs them.
 */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** The folders of src in reading order, each with its title, lead, and the entries to list first. */
const chapters = {
  elf: [
    'Reading',
    'Open a file and ask what it is. Nothing is written, and data is read only on demand.',
    ['openElf', 'openElfSync', 'openElfBuffer', 'describeElf', 'checkElf', 'ElfView'],
  ],
  edit: ['Planning', 'What to write where, and why, as plain data. No input or output.', ['planEdit']],
  write: ['Writing', 'The only functions that change an ELF file.'],
  loader: [
    'Resolving',
    'Which file the loader would open for a name, and why. Nothing is run.',
    ['resolveTree'],
  ],
  pack: [
    'Packing',
    'A program, its loader and its libraries in one file.',
    ['packProgram', 'planPack', 'unpack'],
  ],
  bundle: ['Bundling', 'A program with its loader and libraries in a self-contained directory.'],
  package: [
    'Packages',
    'npm packages with prebuilt binaries: which systems they run on, and what they lack.',
    ['auditPackage', 'repairPackage'],
  ],
  chroot: [
    'Chroots',
    'A bundle inside a foreign chroot.',
    ['createChroot', 'installEmulator', 'runInChroot'],
  ],
  binfmt: ['binfmt_misc', "The kernel's table of emulators."],
  source: ['Files', 'Bytes in.'],
  '.': ['Errors and version', ''],
};

const exported = readIndex();
const names = new Set(exported.map(({name}) => name));
const [mode, directory] = process.argv.slice(2);
if (mode === '--examples') writeExamples(directory);
else if (mode === '--print') process.stdout.write(page());
else writeFileSync('docs/api.md', page());

/** @returns {{name: string, room: string, doc: string, declaration: string}[]} what src/index.ts exports */
function readIndex() {
  const index = readFileSync('src/index.ts', 'utf8');
  return [...index.matchAll(/^export (?:type )?\{([^}]*)\} from '(\.\/[^']+)';$/gm)].flatMap(
    ([, list, from]) =>
      list
        .split(',')
        .map((word) => word.trim().replace(/^type /, ''))
        .filter((word) => word !== '')
        .map((word) => {
          const [original, name = original] = word.split(' as ');
          const room = path.posix.normalize(from).split('/').slice(0, -1)[0] ?? '.';
          return {name, room, ...findDeclaration(original, path.join('dist', from), name)};
        }),
  );
}

/** Follow a name to where it is declared. */
function findDeclaration(original, module, name) {
  const text = readFileSync(module.replace(/\.js$/, '.d.ts'), 'utf8');
  const start = new RegExp(
    `^export (declare )?(abstract )?(function|class|interface|type|const) ${original}\\b`,
    'm',
  ).exec(text);
  if (start !== null) return cut(text, start.index, original, name);
  const again = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';$/gm)].find(([, list]) =>
    list.split(',').some((word) => word.trim().replace(/^type /, '') === original),
  );
  if (again === undefined) throw new Error(`${module} does not declare ${original}`);
  return findDeclaration(original, path.join(path.dirname(module), again[2]), name);
}

/** A declaration ends before the next line that begins in column 0 with anything but a closing bracket. */
function cut(text, start, original, name) {
  const rest = text.slice(start);
  const end = /\n(?![ }\])]|\s*\*)/.exec(`${rest}\n`).index;
  const declaration = rest
    .slice(0, end)
    .replace(/^export (declare )?/, '')
    .replace(/^ {4}#private;\n/m, '')
    .replace(/^( {4})+/gm, (indent) => indent.replaceAll('    ', '  '))
    .replace(new RegExp(`\\b${original}\\b`), name)
    .trimEnd();
  const doc = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n$/.exec(text.slice(0, start));
  if (doc === null) throw new Error(`${original} has no docstring`);
  return {declaration: asInterface(declaration), doc: doc[1].replace(/^[ \t]*\* ?/gm, '').trim()};
}

/** The source declares a record of the format as a table of fields; show it as the object that reading one returns. */
function asInterface(declaration) {
  const table = /^const (\w+): import\("\.\/record\.js"\)\.RecordType<\{\n([\s\S]*)\}>/.exec(declaration);
  if (table === null) return declaration;
  const fields = table[2].replace(/^ {2}readonly (\w+): "(\w+)";$/gm, (_, field, kind) => {
    return `  ${field}: ${kind === 'addr' || kind === 'tag' ? 'bigint' : 'number'};`;
  });
  return `interface ${table[1]} {\n${fields}}`;
}

function page() {
  const parts = Object.entries(chapters).map(([room, [title, lead]]) => {
    return [`## ${title}`, lead, ...entriesOf(room).map(describe)].filter((part) => part !== '').join('\n\n');
  });
  const lead = [
    '# The library',
    'Every export of `elfinterp`, from its docstrings; `npm run build:api` writes this page. The library reports errors as',
    '`ElfError`, with a `code` that [errors.md](errors.md) explains. A test runs the examples unchanged, in a directory with',
    'a copy of `qemu-arm` and an ARM `chroot` that contains `bin/hello`. `await using` needs TypeScript or Node 24; otherwise',
    'call `close()`. TypeScript needs `@types/node` and, for `Symbol.asyncDispose`, `esnext` or',
    '`esnext.disposable` among its `lib`.',
  ];
  return `${lead[0]}\n\n${lead.slice(1).join('\n')}\n\n${contents()}\n\n${parts.join('\n\n')}\n`;
}

function contents() {
  return Object.entries(chapters)
    .map(([room, [title]]) => {
      const links = entriesOf(room)
        .filter(isValue)
        .map(({name}) => linkTo(name));
      return `- **${title}**: ${links.join(', ')}`;
    })
    .join('\n');
}

/** The entries to list first, then other functions and classes, then types. */
function entriesOf(room) {
  const [, , first = []] = chapters[room];
  const rank = (entry) =>
    first.includes(entry.name) ? first.indexOf(entry.name) : isValue(entry) ? 100 : 101;
  return exported.filter((entry) => entry.room === room).toSorted((a, b) => rank(a) - rank(b));
}

function linkTo(name) {
  return `[\`${name}\`](#${name.toLowerCase()})`;
}

function isValue({declaration}) {
  return /^(function|class|const|abstract)/.test(declaration);
}

function describe({name, doc, declaration}) {
  const {text, tags, examples} = parse(doc);
  return [
    `### ${name}`,
    `\`\`\`ts\n${declaration}\n\`\`\``,
    ...text,
    tags.map(([tag, words]) => `- _${tag}_ ${words}`).join('\n'),
    ...examples.map((example) => `\`\`\`ts\n${complete(example)}\n\`\`\``),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Split a docstring into its paragraphs, tags and examples. */
function parse(doc) {
  const [head, ...tagged] = doc.split(/(?:^|\s)@(?=(?:param|returns|throws|example)\b)/);
  const text = head.split(/\n\s*\n/).map((paragraph) => paragraph.trim());
  const all = tagged.map((tag) => /^(\w+)\s*([\s\S]*)$/.exec(tag).slice(1));
  const words = {param: 'Parameter', returns: 'Returns', throws: 'Throws'};
  const tags = all
    .filter(([tag]) => tag in words)
    .map(([tag, body]) => [
      words[tag],
      body
        .trim()
        .replaceAll(/\s*\n\s*/g, ' ')
        .replace(tag === 'param' ? /^(\w+)/ : /^$/, '`$1`:'),
    ]);
  const examples = all
    .filter(([tag]) => tag === 'example')
    .map(([, body]) => body.replace(/^ {2}/gm, '').trim());
  return {text, tags, examples};
}

/** An example with the imports that it needs. */
function complete(example) {
  const used = new Set(example.replaceAll(/'[^']*'|\/\/.*/g, '').match(/[A-Za-z_]\w*/g));
  const own = [...names].filter((name) => used.has(name)).sort();
  const imports = [
    used.has('readFile') ? "import {readFile} from 'node:fs/promises';\n" : '',
    `import {${own.join(', ')}} from 'elfinterp';\n`,
  ];
  return `${imports.join('')}\n${example}`;
}

function writeExamples(into) {
  mkdirSync(into, {recursive: true});
  for (const {name, doc} of exported)
    for (const [i, example] of parse(doc).examples.entries())
      writeFileSync(path.join(into, `${name}-${i}.ts`), `${complete(example)}\n`);
}
