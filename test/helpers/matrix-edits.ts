/*
 * Every kind of edit, for a program or a library of the matrix: alone, and as one of several.
 */
import {mkdirSync, rmSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import type {EditRequest} from '../../src/index.js';
import {libraryOf, loaderOf, type MatrixProgram} from './matrix.js';
import type {seededRandom} from './random.js';

export type Random = ReturnType<typeof seededRandom>;

/** What an edit is made from: where it may put files, and random numbers. */
export interface EditContext {
  readonly program: MatrixProgram;
  readonly random: Random;
  /** A directory of the test's own. */
  readonly directory: string;
}

type Edits = (context: EditContext) => EditRequest | readonly EditRequest[];

/**
 * One entry per edit. If an edit would have nothing to do, the entry first adds what it needs. Entries that undo
 * themselves leave a file that was changed twice.
 */
const programEdits = {
  interpreter: (context) => ({interpreter: loaderLink(context)}),
  rpath: ({random}) => ({rpath: randomPath(random)}),
  runpath: ({random}) => ({runpath: randomPath(random)}),
  'add rpath': ({random}) => ({addRpath: randomPath(random)}),
  'remove rpath': ({random}) => [{runpath: randomPath(random)}, {removeRpath: true}],
  'convert rpath': ({random}) => [{rpath: randomPath(random)}, {convertRpath: 'runpath'}],
  'add needed': ({program}) => ({addNeeded: [mathLibrary(program)]}),
  'add needed first': ({program}) => ({addNeededFirst: [mathLibrary(program)]}),
  'remove needed': () => [{addNeeded: ['libgone.so.1']}, {removeNeeded: ['libgone.so.1']}],
  'replace needed': (context) => ({replaceNeeded: {'libc.so.6': libraryLink(context)}}),
  'no default lib': () => ({noDefaultLib: true}),
  'set stack': () => ({execStack: true}),
  'clear stack': () => [{execStack: true}, {execStack: false}],
  'OS ABI': () => ({osAbi: 'Linux'}),
  'debug tag': ({program}) => ({addDebugTag: program.toolchain !== 'mips64el'}),
  'clear version': () => ({clearSymbolVersions: ['printf']}),
  // A program calls printf only to report an error, so any function will do.
  'rename symbol': () => ({renameSymbols: {printf: 'vprintf'}}),
} as const satisfies Readonly<Record<string, Edits>>;

const libraryEdits = {
  runpath: programEdits.runpath,
  'add needed': programEdits['add needed'],
  'no default lib': programEdits['no default lib'],
  'debug tag': programEdits['debug tag'],
  'add interpreter': ({random}) => ({
    interpreter: `/nowhere/${'l'.repeat(1 + random(300))}`,
    addInterpreter: true,
  }),
  soname: ({random}) => ({soname: `lib${'s'.repeat(1 + random(300))}.so`}),
  'rename symbol': () => [
    {renameSymbols: {probe_answer: 'probe_reply'}},
    {renameSymbols: {probe_reply: 'probe_answer'}},
  ],
} as const satisfies Readonly<Record<string, Edits>>;

/** The names of all edits, in the order of a table's columns. */
export const editNames: readonly string[] = [
  ...new Set([...Object.keys(programEdits), ...Object.keys(libraryEdits)]),
];

function editsFor({user}: MatrixProgram): Readonly<Record<string, Edits>> {
  return user === undefined ? programEdits : libraryEdits;
}

/** One edit with what it needs; undefined if it does not apply to such a file. */
export function editAlone(name: string, context: EditContext): readonly EditRequest[] | undefined {
  const requests = editsFor(context.program)[name]?.(context);
  if (requests === undefined) return undefined;
  return Array.isArray(requests) ? requests : [requests as EditRequest];
}

/** One to six edits. */
export function randomEdits(context: EditContext): readonly EditRequest[] {
  const {program, random} = context;
  const names = Object.keys(editsFor(program));
  return Array.from({length: 1 + random(6)}, () => names[random(names.length)] ?? '').flatMap(
    (name) => editAlone(name, context) ?? [],
  );
}

function randomPath(random: Random): string {
  return `/nowhere/${'p'.repeat(random(random(4) === 0 ? 3000 : 200))}`;
}

/** musl has everything in one library. */
function mathLibrary({toolchain}: MatrixProgram): string {
  return toolchain === 'musl' ? 'libc.so' : 'libm.so.6';
}

/** Make a link with a path of random length to the program's real loader. */
function loaderLink({program, directory, random}: EditContext): string {
  return linkTo(loaderOf(program), directory, program, `ld${'x'.repeat(random(300) % 50)}.so`, random(200));
}

function libraryLink({program, directory, random}: EditContext): string {
  return linkTo(libraryOf(program.toolchain), directory, program, 'libc.so.6', random(100));
}

function linkTo(
  target: string,
  directory: string,
  {toolchain}: MatrixProgram,
  name: string,
  length: number,
): string {
  const inner = path.join(directory, toolchain, 'l'.repeat(1 + length));
  mkdirSync(inner, {recursive: true});
  const link = path.join(inner, name);
  rmSync(link, {force: true});
  symlinkSync(target, link);
  return link;
}
