/*
 * Find the loader of a program. PT_INTERP names it; if that does not exist, because the program was rewritten for
 * another place, the standard loader of its C library and architecture is used. A file for another machine that happens
 * to be there is ignored.
 */
import {DF_1} from '../elf/constants.js';
import type {MachineFacts} from '../elf/machine.js';
import {sameMachine} from './candidate.js';
import {fallbackFacts, type LoaderFacts} from './loader-facts.js';
import type {LookedUpFile, Lookups} from './lookups.js';
import type {ObjectFile} from './object.js';
import {standardLoader} from './standard-loader.js';

export interface Interpreter {
  /** PT_INTERP. */
  readonly requested: string | undefined;
  /** Path inside the root of the one that was found. */
  readonly path: string | undefined;
  readonly file: LookedUpFile | undefined;
  readonly facts: LoaderFacts;
  readonly substituted: boolean;
}

/** Find a program's loader; undefined for a program without one: static, or static-pie. */
export function findInterpreter(
  lookups: Lookups,
  program: ObjectFile,
  machine: MachineFacts,
  override?: string,
): Interpreter | undefined {
  const requested = program.segments?.interpreter;
  if (requested === undefined && override === undefined && isStatic(program)) return undefined;
  const libc = likelyLibc(program, requested);
  const wanted = override ?? requested;
  for (const path of [wanted, standardLoader(libc, machine)]) {
    const file = path === undefined ? undefined : lookups.file(path);
    if (file?.kind !== 'file' || !file.object.machine || !sameMachine(file.object.machine, machine)) continue;
    const facts = lookups.loader(file.host, machine);
    return {requested, path, file, facts, substituted: requested !== undefined && path !== requested};
  }
  const facts = fallbackFacts(libc, machine);
  return {requested, path: undefined, file: undefined, facts, substituted: false};
}

function isStatic({dynamic}: ObjectFile): boolean {
  return (
    dynamic === undefined ||
    (dynamic.needs.length === 0 && dynamic.soname === undefined && isPie(dynamic.flags1))
  );
}

function isPie(flags1: bigint): boolean {
  return (flags1 & DF_1.DF_1_PIE) !== 0n;
}

/** musl's own name for itself in DT_NEEDED is `libc.so`, Alpine's `libc.musl-ARCH.so.1`. */
function likelyLibc({dynamic}: ObjectFile, requested: string | undefined): 'glibc' | 'musl' {
  const isMusl =
    requested?.includes('ld-musl') || dynamic?.needs.some(({name}) => /^libc\.(?:so$|musl-)/.test(name));
  return isMusl ? 'musl' : 'glibc';
}
