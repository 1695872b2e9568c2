/*
 * Twice as much of anything costs twice as much, not four times: steps are counted, not time. A hostile file can have
 * hundreds of thousands of each of these things.
 */
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {exhibitOf} from '../../src/cli/show/exhibit.js';
import {layoutMap} from '../../src/cli/show/layout.js';
import {planEdit} from '../../src/edit/plan-edit.js';
import type {EditRequest} from '../../src/edit/request.js';
import {checkElf} from '../../src/elf/check.js';
import {viewBuffer} from '../../src/elf/view.js';
import {describeObject} from '../../src/loader/object.js';
import {chainTo} from '../../src/loader/queries.js';
import {resolveTree} from '../../src/loader/resolve.js';
import {findUndefinedSymbols} from '../../src/loader/unresolved.js';
import {bufferSource} from '../../src/source/buffer.js';
import {readEverything} from '../helpers/everything.js';
import {tempDirectory} from '../helpers/temp.js';
import {type Counts, growLibrary, libraryName, symbolName} from './grown.js';
import {countSteps} from './steps.js';

/** With n log n for sorting, and what does not grow at all, twice as much is below this. */
const mostGrowth = 2.1;

const readers: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
  read: (bytes) => readEverything(bufferSource(bytes)),
  check: (bytes) => checkElf(viewBuffer(bytes)),
  show(bytes) {
    const {map, segments} = exhibitOf(viewBuffer(bytes), 'grown');
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

function expectLinear(t: ExecutionContext, what: string, once: () => void, twice: () => void): void {
  const [a, b] = [countSteps(once), countSteps(twice)];
  t.true(b < a * mostGrowth, `${what}: ${a} steps, then ${b}: ${(b / a).toFixed(2)} times as many`);
}

/** A program with so many libraries, each of which needs the next two; and so many directories to look in. */
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
  const tree = resolveTree(`/lib/${libraryName(0)}`, {root, interpreter: '/lib/ld.so'});
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
