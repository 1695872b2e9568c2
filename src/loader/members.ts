/*
 * The members of a process that no DT_NEEDED asks for, the program and its interpreter, and how all members appear in
 * the result.
 */
import type {MachineFacts} from '../elf/machine.js';
import type {Interpreter} from './interpreter.js';
import {isGlibcBefore, type LoaderFacts} from './loader-facts.js';
import type {LookedUpFile} from './lookups.js';
import type {ResolveTreeOptions} from './options.js';
import type {Member, Process} from './process.js';
import type {Root} from './root.js';
import {directoryOf} from './search-path.js';
import type {Edge, InterpreterInfo, Reason, TreeNode} from './tree.js';

/** A file that is a program, at least to the extent that its machine is known. */
export type ProgramFile = LookedUpFile & {readonly object: {readonly machine: MachineFacts}};

/**
 * The program itself. Its $ORIGIN is its real path as the kernel gives it: at /proc/self/exe or, with `ld.so PROGRAM`
 * since glibc 2.42, at /proc/self/fd/N. With `ld.so PROGRAM`, an older loader, or one without /proc, uses the path that
 * was given.
 */
export function programMember(
  root: Root,
  path: string,
  file: LookedUpFile,
  options: ResolveTreeOptions,
  facts: LoaderFacts,
): Member {
  const given = options.direct ? directoryOf(root.absolute(path)) : undefined;
  const asksKernel = given === undefined || (facts.libc === 'glibc' && !isGlibcBefore(42, facts));
  const origin = (asksKernel ? realOrigin(root, path, options.proc ?? true) : undefined) ?? given;
  const reason: Reason = {kind: 'program'};
  return {...file, index: -1, name: path, path, loader: undefined, reason, origin, edges: [], passedOver: []};
}

function realOrigin(root: Root, path: string, proc: boolean): string | undefined {
  const real = proc ? root.resolve(path) : undefined;
  return real?.found ? directoryOf(real.inside) : undefined;
}

/** The interpreter, if there is a file for it. */
export function interpreterMember({file, path}: Interpreter): Member | undefined {
  if (file === undefined || path === undefined) return undefined;
  const reason: Reason = {kind: 'interpreter'};
  return {
    ...file,
    index: -1,
    name: path,
    path,
    loader: undefined,
    reason,
    origin: undefined,
    edges: [],
    passedOver: [],
  };
}

/** The name by which the interpreter knows itself: PT_INTERP, or the name it was started by. */
export function interpreterName(interpreter: Interpreter | undefined, {direct}: ResolveTreeOptions): string {
  const {requested, path, substituted} = interpreter ?? {};
  return (direct || substituted ? path : (requested ?? path)) ?? '';
}

/** Every name that the interpreter answers to: PT_INTERP as it is in the program, its own path, its SONAME. */
export function interpreterNames(
  {interpreter, interpreterName}: Process,
  found: Interpreter | undefined,
): string[] {
  const names = [found?.requested, interpreterName, interpreter?.object.dynamic?.soname];
  return names.filter((name) => name !== undefined && name !== '') as string[];
}

/** What the result says of the interpreter. */
export function describeInterpreter(interpreter: Interpreter, member: Member | undefined): InterpreterInfo {
  const {requested, path, file, facts, substituted} = interpreter;
  const {libc, version, pathFile} = facts;
  return {requested, path, host: file?.host, libc, version, pathFile, substituted, node: member?.index};
}

/** What the result says of a member. */
export function toNode(member: Member): TreeNode {
  const {index, name, loader, reason, path, host, identity, object, passedOver} = member;
  const {soname, rpath, runpath} = object.dynamic ?? {};
  const {dlopen} = object;
  const edges = member.edges.map(({name, kind, to, reason}): Edge => ({name, kind, to: to?.index, reason}));
  return {
    index,
    name,
    requestedBy: loader?.index,
    reason,
    path,
    host,
    identity,
    soname,
    rpath,
    runpath,
    edges,
    dlopen,
    passedOver,
  };
}
