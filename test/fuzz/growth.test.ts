/*
 * Twice as much of anything must cost only twice as much, not four times. Steps are counted, not time. A hostile file
 * can have hundreds of thousands of each of these things.
 */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {createOutput, type Output} from '../../src/cli/output.js';
import {layoutMap} from '../../src/cli/show/layout.js';
import {reportOf} from '../../src/cli/show/report.js';
import {formats} from '../../src/cli/tree/formats.js';
import {createPainter} from '../../src/cli/tree/paint.js';
import {whyToText} from '../../src/cli/tree/questions.js';
import {createReport} from '../../src/cli/tree/report.js';
import {treeToText} from '../../src/cli/tree/text.js';
import {planEdit} from '../../src/edit/plan-edit.js';
import type {EditRequest} from '../../src/edit/request/request.js';
import {checkElf} from '../../src/elf/check.js';
import {DT, PF} from '../../src/elf/constants.js';
import {Ehdr, EI_NIDENT, Phdr, Vernaux} from '../../src/elf/records.js';
import {readNeededVersions} from '../../src/elf/versions.js';
import {ElfError} from '../../src/errors.js';
import {describeObject} from '../../src/loader/object.js';
import {chainTo} from '../../src/loader/queries.js';
import {resolveTreeSync} from '../../src/loader/resolve.js';
import {shrinkSearchPath} from '../../src/loader/shrink.js';
import {findUndefinedSymbols} from '../../src/loader/unresolved.js';
import {bufferSource} from '../../src/source/buffer.js';
import {applyPlanToBuffer} from '../../src/write/content.js';
import {readEverything} from '../helpers/everything.js';
import {coreFile} from '../helpers/synthetic.js';
import {tempDirectory, tempFile} from '../helpers/temp.js';
import {output, withTools} from '../helpers/tools.js';
import {viewBuffer} from '../helpers/view-buffer.js';
import {type Counts, growLibrary, libraryName, symbolName} from './grown.js';
import {countSteps} from './steps.js';
import {worstInputs, worstWorks} from './worst-inputs.js';

/** How much more twice as much may cost, with n log n for sorting and constant costs. */
const mostGrowth = 2.1;

const readers: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
  read: (bytes) => readEverything(bufferSource(bytes)),
  check: (bytes) => checkElf(viewBuffer(bytes)),
  show(bytes) {
    const {map, segments} = reportOf(viewBuffer(bytes), 'grown');
    layoutMap(map, segments, bytes.length);
  },
  'read for the resolver': (bytes) => describeObject(bufferSource(bytes), true),
};

const requests: readonly EditRequest[] = [
  {interpreter: `/${'i'.repeat(100)}`},
  {runpath: `/${'r'.repeat(400)}`},
  {addNeeded: ['libmore.so']},
  {removeNeeded: [libraryName(0)]},
  {replaceNeeded: {[libraryName(0)]: 'libother.so'}},
  {clearSymbolVersions: [symbolName(1), symbolName(2)]},
  {renameSymbols: {[symbolName(1)]: 'another_name'}},
];

const works: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
  ...readers,
  ...Object.fromEntries(
    requests.map((request) => [
      `plan ${JSON.stringify(request).slice(0, 30)}`,
      (bytes: Uint8Array) => planEdit(viewBuffer(bytes), request),
    ]),
  ),
};

const amounts: Readonly<Record<keyof Counts, number>> = {
  needed: 500,
  symbols: 1000,
  relocations: 1000,
  versions: 500,
  sections: 1000,
  segments: 30,
  entries: 500,
  directories: 500,
};

test('the grown library is a sound one', (t) => {
  t.deepEqual(checkElf(viewBuffer(growLibrary())), []);
  for (const [name, amount] of Object.entries(amounts))
    t.deepEqual(checkElf(viewBuffer(growLibrary({[name]: amount}))), [], name);
});

for (const [name, amount] of Object.entries(amounts)) {
  test.serial(`twice as many ${name}: every reader and every edit does at most twice as much`, (t) => {
    const [once, twice] = [growLibrary({[name]: amount}), growLibrary({[name]: 2 * amount})];
    for (const [what, work] of Object.entries(works))
      expectLinear(
        t,
        what,
        () => work(once),
        () => work(twice),
      );
  });
}

test.serial('twice as many of everything: every reader and every edit does at most twice as much', (t) => {
  const doubled = Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, 2 * amount]));
  const [once, twice] = [growLibrary(amounts), growLibrary(doubled)];
  for (const [what, work] of Object.entries(works))
    expectLinear(
      t,
      what,
      () => work(once),
      () => work(twice),
    );
});

/** Pairs of counts whose product some nested loop might walk. */
const products: readonly (readonly [keyof Counts, keyof Counts])[] = [
  ['needed', 'directories'],
  ['needed', 'versions'],
  ['symbols', 'relocations'],
  ['symbols', 'versions'],
  ['sections', 'segments'],
  ['entries', 'needed'],
];

for (const [one, other] of products) {
  test.serial(`twice as many ${one} and ${other}: no work grows with their product`, async (t) => {
    const grown = [1, 2].map((factor) =>
      growLibrary({[one]: factor * amounts[one], [other]: factor * amounts[other]}),
    );
    const [once = new Uint8Array(), twice = new Uint8Array()] = grown;
    for (const [what, work] of Object.entries(works))
      expectLinear(
        t,
        what,
        () => work(once),
        () => work(twice),
      );
    const [small, large] = [tempFile(t, once), tempFile(t, twice)];
    for (const [what, work] of Object.entries(resolvers)) {
      work(small);
      expectLinear(
        t,
        what,
        () => work(small),
        () => work(large),
      );
    }
  });
}

/** A library with this many segments, all read-only, and no section headers. */
function withoutSections(segments: number): Uint8Array {
  const bytes = growLibrary({segments});
  const {header, format, programHeaders} = viewBuffer(bytes);
  bytes.set(Ehdr.encode({...header, e_shoff: 0, e_shnum: 0, e_shstrndx: 0}, format), EI_NIDENT);
  for (const [i, phdr] of programHeaders.entries())
    bytes.set(Phdr.encode({...phdr, p_flags: PF.PF_R}, format), header.e_phoff + i * Phdr.size(64));
  return bytes;
}

test.serial(
  'twice as many segments without sections: every reader and every edit does at most twice as much',
  (t) => {
    const [once, twice] = [withoutSections(1000), withoutSections(2000)];
    t.deepEqual(checkElf(viewBuffer(once)), []);
    for (const [what, work] of Object.entries(works))
      expectLinear(
        t,
        what,
        () => work(once),
        () => work(twice),
      );
  },
);

test.serial(
  'twice as many mappings and notes of a core file: every reader does at most twice as much',
  (t) => {
    const [once, twice] = [coreFile(1000, 1000), coreFile(2000, 2000)];
    t.deepEqual(checkElf(viewBuffer(once)), []);
    for (const [what, work] of Object.entries(readers))
      expectLinear(
        t,
        what,
        () => work(once),
        () => work(twice),
      );
  },
);

test.serial(
  'twice as many paddings, each with a name in it: an edit does at most twice as much',
  withTools((t) => {
    const request = {addNeeded: Array.from({length: 30}, (_, i) => libraryName(1000 + i))};
    const [once, twice] = [withPaddings(t, 400), withPaddings(t, 800)];
    expectLinear(
      t,
      'edit',
      () => planEdit(viewBuffer(once), request),
      () => planEdit(viewBuffer(twice), request),
    );
  }),
);

for (const [name, make] of Object.entries(worstInputs)) {
  test.serial(`twice as much of an expensive input, ${name}: all work at most doubles`, (t) => {
    const [once, twice] = [make(1 / 10), make(1 / 5)];
    for (const [what, work] of Object.entries(worstWorks))
      expectLinear(
        t,
        what,
        () => work(once),
        () => work(twice),
      );
  });
}

/** A library with writable sections aligned to 2,048 bytes, and a symbol in the padding after each. */
function withPaddings(t: ExecutionContext, count: number): Uint8Array {
  const directory = tempDirectory(t);
  const sections = Array.from(
    {length: count},
    (_, i) => `.section .d${i}, "aw"\n.balign 2048\n.L${i}: .byte 1\n.globl s${i}\n.set s${i}, .L${i} + 100`,
  );
  const [source, library] = [path.join(directory, 'a.s'), path.join(directory, 'a.so')];
  writeFileSync(source, `${sections.join('\n')}\n`);
  output('gcc', ['-shared', '-nostdlib', '-o', library, source]);
  return readFileSync(library);
}

/** What a command does with a resolved tree, including the output. */
const resolvers: Readonly<Record<string, (file: string) => void>> = {
  ...Object.fromEntries(
    // Graphviz lays out SVG.
    formats
      .filter((format) => format !== 'svg')
      .map((format) => [
        `tree as ${format}`,
        (file: string) => {
          const {add, end} = createReport({format, why: undefined, reverse: undefined, all: false}, silent);
          const tree = resolveTreeSync(file);
          add({file, tree, undefinedSymbols: undefined, moduleLoading: undefined});
          void end();
        },
      ]),
  ),
  'tree --why': (file) => whyToText(resolveTreeSync(file), libraryName(1), createPainter(false)),
  'shrink the search path': (file) => shrinkSearchPath(viewBuffer(readFileSync(file))),
};

/** Does the work of printing, but prints nothing. */
const silent: Output = {
  ...createOutput(),
  line: (text) => void text.plain.length,
  data: () => undefined,
  json: (value) => void JSON.stringify(value, writable),
  jsonList: () => ({add: (value) => void JSON.stringify(value, writable), end: () => undefined}),
  columns: 80,
  color: false,
};

/** Each value counts as a step. */
function writable(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function expectLinear(
  t: ExecutionContext,
  what: string,
  once: () => void,
  twice: () => void,
  most = mostGrowth,
): void {
  const [a, b] = [countSteps(once), countSteps(twice)];
  t.true(b < a * most, `${what}: ${a} steps, then ${b}: ${(b / a).toFixed(2)} times as many`);
}

/** A library whose version names are tails of its search path, or are this far into the string table. */
function withVersionNames(versions: number, directories: number, far?: number): Uint8Array {
  const bytes = growLibrary({versions, directories});
  const view = viewBuffer(bytes);
  const [library] = readNeededVersions(view);
  const end = Number(view.dynamic?.value(DT.DT_RUNPATH) ?? 0n) + (view.dynamic?.runpath?.length ?? 0);
  library?.versions.forEach(({record, offset}, i) => {
    bytes.set(Vernaux.encode({...record, vna_name: far ?? end - 1 - i}, view.format), offset);
  });
  return bytes;
}

test.serial(
  'twice as many versions, named by tails of a path twice as long: no work grows with the product',
  (t) => {
    const [once, twice] = [withVersionNames(100, 1000), withVersionNames(200, 2000)];
    const remove = (bytes: Uint8Array) => () => planEdit(viewBuffer(bytes), {removeNeeded: [libraryName(0)]});
    expectLinear(t, 'remove', remove(once), remove(twice));
  },
);

/** Names that fill the places of the old ones, are too long for them, and leave room. */
const newNames: Readonly<Record<string, (i: number) => string>> = {
  'as long': (i) => `renamed${i}`,
  longer: (i) => `another_name_${i}`,
  shorter: (i) => `n${i}`,
};

for (const [what, newName] of Object.entries(newNames)) {
  test.serial(`twice as many symbols renamed, to ${what} names: the edit does at most twice as much`, (t) => {
    const rename = (count: number) => () => {
      const renameSymbols = Object.fromEntries(
        Array.from({length: count}, (_, i) => [symbolName(i + 1), newName(i)]),
      );
      planEdit(viewBuffer(growLibrary({symbols: count})), {renameSymbols});
    };
    expectLinear(t, 'rename', rename(1000), rename(2000));
  });
}

test.serial('the name of a version outside the string table costs nothing, however far it is', (t) => {
  const remove = (far: number) => () => {
    const view = viewBuffer(withVersionNames(1, 4, far));
    t.throws(() => planEdit(view, {removeNeeded: [libraryName(0)]}), {instanceOf: ElfError});
  };
  const [near, far] = [countSteps(remove(1 << 20)), countSteps(remove(1 << 24))];
  t.true(far < near * 1.1, `${near} steps, then ${far}`);
});

/** A program with this many libraries, each of which needs the next two, and this many directories to search. */
function makeRoot(t: ExecutionContext, libraries: number, directories: number): string {
  const root = tempDirectory(t);
  const lib = path.join(root, 'lib');
  mkdirSync(lib);
  for (let i = 0; i <= libraries; i++) {
    const needs = [i + 1, i + 2].filter((k) => k <= libraries).map(libraryName);
    const request: EditRequest = {
      replaceNeeded: Object.fromEntries(needs.map((need, k) => [libraryName(k), need])),
      removeNeeded: [0, 1].slice(needs.length).map(libraryName),
      runpath: [...Array.from({length: directories}, (_, k) => `/d${k}`), '/lib'].join(':'),
    };
    const bytes = Buffer.from(growLibrary());
    const plan = planEdit(viewBuffer(bytes), request);
    const edited = Buffer.concat([bytes, Buffer.alloc(plan.outputSize - plan.inputSize)]);
    for (const write of plan.writes) edited.set(write.bytes, write.offset);
    writeFileSync(path.join(lib, libraryName(i)), edited);
  }
  return root;
}

function resolveIn(root: string): void {
  const tree = resolveTreeSync(`/lib/${libraryName(0)}`, {root, interpreter: '/lib/ld.so'});
  findUndefinedSymbols(tree);
  chainTo(tree, tree.nodes.length - 1);
}

test.serial('twice as many libraries: the resolver does at most twice as much', (t) => {
  const roots = [makeRoot(t, 60, 1), makeRoot(t, 120, 1)] as const;
  expectLinear(
    t,
    'resolve',
    () => resolveIn(roots[0]),
    () => resolveIn(roots[1]),
  );
});

test.serial('twice as many directories in a search path: the resolver does at most twice as much', (t) => {
  const roots = [makeRoot(t, 10, 40), makeRoot(t, 10, 80)] as const;
  expectLinear(
    t,
    'resolve',
    () => resolveIn(roots[0]),
    () => resolveIn(roots[1]),
  );
});

/**
 * A chain of libraries: each has a DT_RPATH of its own and inherits all before it; the last needs this many libraries.
 */
function makeChain(t: ExecutionContext, depth: number, needs: number): string {
  const root = tempDirectory(t);
  mkdirSync(path.join(root, 'lib'));
  for (let i = 0; i <= depth; i++) {
    mkdirSync(path.join(root, `d${i}`));
    const isLast = i === depth;
    const bytes = Buffer.from(growLibrary(isLast ? {needed: needs} : {}));
    const more: EditRequest = isLast
      ? {}
      : {replaceNeeded: {[libraryName(0)]: `chain${i + 1}.so`}, removeNeeded: [libraryName(1)]};
    const plan = planEdit(viewBuffer(bytes), {...more, rpath: i === 0 ? '/d0:/lib' : `/d${i}`});
    writeFileSync(path.join(root, 'lib', `chain${i}.so`), applyPlanToBuffer(bytes, plan));
  }
  return root;
}

test.serial(
  'twice as many libraries that inherit a path, and needs of the last: no work grows with the product',
  (t) => {
    const roots = [makeChain(t, 60, 4000), makeChain(t, 120, 8000)] as const;
    const work = (root: string) => {
      const tree = resolveTreeSync('/lib/chain0.so', {root, interpreter: '/lib/ld.so'});
      const lines = [...treeToText(tree, {paint: createPainter(false), all: false})];
      t.true(lines.length > 60);
    };
    work(roots[0]);
    expectLinear(
      t,
      'resolve and draw',
      () => work(roots[0]),
      () => work(roots[1]),
    );
  },
);

test.serial(
  'twice as many directories that exist, and names that are in one of them: no work grows with the product',
  (t) => {
    const makeDirectories = (count: number) => {
      const root = tempDirectory(t);
      for (let i = 0; i < count; i++) {
        mkdirSync(path.join(root, 'd', String(i)), {recursive: true});
        // Of the wrong class, so that the search goes on.
        writeFileSync(
          path.join(root, 'd', String(i), libraryName(i)),
          Buffer.from(`\x7fELF\x01${'\0'.repeat(100)}`),
        );
      }
      const bytes = growLibrary({needed: 10 * count, directories: count});
      writeFileSync(path.join(root, 'program'), bytes);
      return root;
    };
    const roots = [makeDirectories(400), makeDirectories(800)] as const;
    const work = (root: string) => void resolveTreeSync('/program', {root, interpreter: '/ld.so'});
    work(roots[0]);
    expectLinear(
      t,
      'resolve',
      () => work(roots[0]),
      () => work(roots[1]),
    );
  },
);
