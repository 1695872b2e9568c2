/*
 * One trial: a program of the matrix is edited and judged. The independent readers find what was asked for, the program
 * runs and prints the same output (it checks its own BSS, thread-local and relocated data), eu-elflint has no new
 * complaint, nothing that code addresses has changed, and stripped copies run too.
 */
import {copyFileSync} from 'node:fs';
import {
  applyPlanSync,
  checkElf,
  type EditRequest,
  openElfSync,
  type Plan,
  planEdit,
} from '../../src/index.js';
import {binutil, type MatrixProgram, outputOf, runMatrixProgram} from './matrix.js';
import {damagedSections} from './memory.js';
import {elflint, euReadelfStrings, freshComplaints, readelfInterpreter} from './readelf.js';
import {installedStrippers, stripArguments} from './strippers.js';
import {run} from './tools.js';

export interface Trial {
  readonly plans: readonly Plan[];
  /** What is wrong with the result; undefined when nothing is. */
  readonly problem: string | undefined;
  /** The strippers whose copy of the unedited program does not run. */
  readonly unfit: readonly string[];
}

/** Edit a copy in `file`, at once or step by step. */
export function tryEdits(
  program: MatrixProgram,
  requests: readonly EditRequest[],
  file: string,
  {atOnce}: {atOnce: boolean},
): Trial {
  copyFileSync(program.path, file);
  const unfit: string[] = [];
  const plans = atOnce ? [applyTo(file, requests)] : requests.map((request) => applyTo(file, [request]));
  const problem =
    findMisreading(program, file, requests) ??
    findFailure(program, file, 'the edited file') ??
    freshComplaints(complaintsBefore(program), elflint(file))[0] ??
    damagedSections(program.path, file)[0] ??
    checkedAnew(program, file) ??
    tryStripped(program, file, plans, unfit);
  return {plans, problem, unfit};
}

function applyTo(file: string, requests: readonly EditRequest[]): Plan {
  const elf = openElfSync(file);
  try {
    const plan = planEdit(elf.view, requests);
    applyPlanSync(file, plan);
    return plan;
  } finally {
    elf.close();
  }
}

function findMisreading(
  program: MatrixProgram,
  file: string,
  requests: readonly EditRequest[],
): string | undefined {
  const last = <K extends keyof EditRequest>(field: K) =>
    requests.findLast((request) => request[field] !== undefined)?.[field];
  const interpreter = readelfInterpreter(file);
  const expected = last('interpreter') ?? readelfInterpreter(program.path);
  if (interpreter !== expected) return `interpreter ${interpreter}, not ${expected}`;
  const soname = last('soname');
  if (soname !== undefined && euReadelfStrings(file, 'SONAME').join() !== soname)
    return `not soname ${soname}`;
  return findWrongPath(file, requests) ?? findWrongNeeded(file, requests);
}

function findWrongPath(file: string, requests: readonly EditRequest[]): string | undefined {
  const isOfPaths = ({rpath, runpath, removeRpath, addRpath, convertRpath}: EditRequest) =>
    [rpath, runpath, removeRpath, addRpath, convertRpath].some((value) => value !== undefined);
  const last = requests.findLast(isOfPaths);
  const both = {RPATH: euReadelfStrings(file, 'RPATH'), RUNPATH: euReadelfStrings(file, 'RUNPATH')};
  if (last?.removeRpath === true && both.RPATH.length + both.RUNPATH.length > 0)
    return 'a search path is left';
  for (const [tag, other, value] of [
    ['RPATH', 'RUNPATH', last?.rpath],
    ['RUNPATH', 'RPATH', last?.runpath],
  ] as const) {
    if (value === undefined) continue;
    if (both[tag].join() !== value) return `${tag} is not ${value}`;
    if (both[other].length > 0) return `${other} is there too`;
  }
  return undefined;
}

function findWrongNeeded(file: string, requests: readonly EditRequest[]): string | undefined {
  const needed = euReadelfStrings(file, 'NEEDED');
  const replaced = requests.findLast(({replaceNeeded}) => replaceNeeded !== undefined)?.replaceNeeded ?? {};
  if (needed.some((name) => Object.hasOwn(replaced, name))) return 'a replaced library is needed still';
  if (needed.includes('libgone.so.1')) return 'a removed library is needed still';
  const added = requests.flatMap(({addNeeded, addNeededFirst}) => [
    ...(addNeeded ?? []),
    ...(addNeededFirst ?? []),
  ]);
  const missing = added.find((name) => name !== 'libgone.so.1' && !needed.includes(name));
  return missing === undefined ? undefined : `${missing} is not needed`;
}

function findFailure(program: MatrixProgram, file: string, what: string): string | undefined {
  const {status, signal, stdout, stderr} = runMatrixProgram(program, file);
  return status === 0 && stdout === outputOf(program)
    ? undefined
    : `${what}: ${signal ?? status} ${stdout}${stderr}`;
}

const complaints = new Map<string, readonly string[]>();

function complaintsBefore({path}: MatrixProgram): readonly string[] {
  const known = complaints.get(path) ?? elflint(path);
  complaints.set(path, known);
  return known;
}

function checkedAnew({path}: MatrixProgram, file: string): string | undefined {
  const codes = new Set(problemsOf(path).map(({code}) => code));
  return problemsOf(file).find(({code}) => !codes.has(code))?.message;
}

function problemsOf(file: string) {
  const elf = openElfSync(file);
  try {
    return checkElf(elf.view);
  } finally {
    elf.close();
  }
}

/** True if the program header table had to move. */
export function hasMovedTable({notes}: Plan): boolean {
  return notes.some((note) => note.startsWith('the program header table moved'));
}

/**
 * Not every stripper's copy of the unedited program runs: `unfit` gets the names of the strippers whose copy does not.
 */
function tryStripped(
  program: MatrixProgram,
  file: string,
  plans: readonly Plan[],
  unfit: string[],
): string | undefined {
  const original = `${file}.original`;
  for (const stripper of strippersFor(program, plans)) {
    const stripped = `${file}.stripped`;
    const problem = strip(stripper, file, stripped) ?? findFailure(program, stripped, stripper.name);
    if (problem === undefined) continue;
    const before = strip(stripper, program.path, original) ?? findFailure(program, original, stripper.name);
    if (before === undefined) return problem;
    unfit.push(stripper.name);
  }
  return undefined;
}

interface NamedStripper {
  readonly name: string;
  readonly command: (from: string, to: string) => readonly string[];
}

/** Which stripper is next; with ELFINTERP_STRIPPERS=all, every stripper strips every result. */
let turn = 0;
const isAll = process.env.ELFINTERP_STRIPPERS === 'all';

/**
 * GNU strip and one of the others, which take turns, so that each meets every linker and machine; all of them if the
 * program header table moved. GNU's and LLVM's then put the table right after the writable data in the file, without
 * the hole that kept the difference between its address and offset (place-load.ts). Linux 5.18 and later find it there,
 * but this qemu does not, so programs that qemu runs are stripped only with elfutils', which moves nothing.
 */
function strippersFor(program: MatrixProgram, plans: readonly Plan[]): readonly NamedStripper[] {
  const isMoved = plans.some(hasMovedTable);
  const all = installedStrippers.map((name) => namedStripper(program, name));
  if (isMoved && program.command.length > 0) return all.filter(({name}) => name === 'eu-strip');
  if (isMoved || isAll) return all;
  const strip = namedStripper(program, 'strip');
  const others = all.filter(({name}) => name !== strip.name);
  const other = others[turn++ % others.length];
  return other === undefined ? [strip] : [strip, other];
}

/** GNU's must be the one for the program's machine. */
function namedStripper(program: MatrixProgram, stripper: string): NamedStripper {
  const name = stripper === 'strip' || stripper === 'objcopy' ? binutil(program, stripper) : stripper;
  return {name, command: (from, to) => [name, ...stripArguments(stripper, from, to)]};
}

function strip({name, command}: NamedStripper, from: string, to: string): string | undefined {
  const [tool = '', ...args] = command(from, to);
  const {status, stderr} = run(tool, args);
  if (status !== 0) return `${name}: ${stderr}`;
  return readelfInterpreter(to) === readelfInterpreter(from) ? undefined : `${name}: lost the interpreter`;
}
