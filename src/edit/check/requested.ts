/*
 * Does the edited file read as the request says? The expected result is computed from the request on plain lists of
 * strings, by code separate from the edits'; everything that the request does not mention must read as before. (The
 * entries that no request mentions: other-entries.ts.)
 */
import {DF_1, DT, dynamicTagName} from '../../elf/constants.js';
import {stringTags} from '../../elf/dynamic.js';
import {osAbiValue} from '../../elf/os-abi.js';
import {isStackExecutable} from '../../elf/stack.js';
import type {ElfView} from '../../elf/view.js';
import {ElfError, hex} from '../../errors.js';
import type {Requested} from './promise.js';

/** What a request can change and what can be read back. */
interface Facts {
  readonly interpreter: string | undefined;
  readonly rpath: string | undefined;
  readonly runpath: string | undefined;
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly noDefaultLib: boolean;
  /** The other bits of DT_FLAGS_1, in hexadecimal. */
  readonly flags1: string;
  readonly execStack: boolean | undefined;
  readonly osAbi: number;
}

/** @throws ElfError CHECK_FAILED naming what would not read as it should */
export function checkRequested(before: ElfView, after: ElfView, requests: readonly Requested[]): void {
  const expected = requests.reduce(expect, factsOf(before));
  const found = factsOf(after);
  // If the request does not mention it, PT_GNU_STACK is compared like other segments.
  const isStackAsked = requests.some(({execStack}) => execStack !== undefined);
  for (const name of Object.keys(found) as (keyof Facts)[])
    if (name !== 'execStack' || isStackAsked) requireEqual(before, labels[name], expected[name], found[name]);
  for (const tag of stringTags) {
    if (changeableTags.has(tag)) continue;
    const name = dynamicTagName(tag, before.header.e_machine);
    requireEqual(before, name, before.dynamic?.strings(tag), after.dynamic?.strings(tag));
  }
  if (requests.some(({addDebugTag}) => addDebugTag))
    requireEqual(before, 'DT_DEBUG', true, after.dynamic?.value(DT.DT_DEBUG) !== undefined);
}

const labels: Readonly<Record<keyof Facts, string>> = {
  interpreter: 'the interpreter',
  rpath: 'DT_RPATH',
  runpath: 'DT_RUNPATH',
  needed: 'DT_NEEDED',
  soname: 'DT_SONAME',
  noDefaultLib: 'DF_1_NODEFLIB',
  flags1: 'DT_FLAGS_1',
  execStack: 'PT_GNU_STACK',
  osAbi: 'EI_OSABI',
};

const changeableTags: ReadonlySet<bigint> = new Set([DT.DT_NEEDED, DT.DT_SONAME, DT.DT_RPATH, DT.DT_RUNPATH]);

function factsOf(view: ElfView): Facts {
  const {dynamic} = view;
  const flags1 = dynamic?.value(DT.DT_FLAGS_1) ?? 0n;
  return {
    interpreter: view.interpreter?.path,
    rpath: dynamic?.rpath,
    runpath: dynamic?.runpath,
    needed: dynamic?.needed ?? [],
    soname: dynamic?.soname,
    noDefaultLib: (flags1 & DF_1.DF_1_NODEFLIB) !== 0n,
    flags1: hex(flags1 & ~DF_1.DF_1_NODEFLIB),
    execStack: isStackExecutable(view),
    osAbi: view.ident.EI_OSABI,
  };
}

function expect(facts: Facts, request: Requested): Facts {
  return {
    interpreter: request.interpreter ?? facts.interpreter,
    ...expectPath(facts, request),
    needed: expectNeeded(facts.needed, request),
    soname: request.soname ?? facts.soname,
    noDefaultLib: request.noDefaultLib ?? facts.noDefaultLib,
    flags1: facts.flags1,
    execStack: request.execStack ?? facts.execStack,
    osAbi: request.osAbi === undefined ? facts.osAbi : (osAbiValue(request.osAbi) ?? -1),
  };
}

type Path = Pick<Facts, 'rpath' | 'runpath'>;

function expectPath({rpath, runpath}: Facts, request: Requested): Path {
  if (request.removeRpath === true) return {rpath: undefined, runpath: undefined};
  let path: Path = {rpath, runpath};
  if (request.rpath !== undefined) path = {rpath: request.rpath, runpath: undefined};
  if (request.runpath !== undefined) path = {rpath: undefined, runpath: request.runpath};
  const old = path.runpath ?? path.rpath;
  if (request.convertRpath === 'rpath') path = {rpath: old, runpath: undefined};
  if (request.convertRpath === 'runpath') path = {rpath: undefined, runpath: old};
  if (request.addRpath === undefined) return path;
  const directories = old === undefined || old === '' ? [] : old.split(':');
  const fresh = request.addRpath.split(':').filter((directory) => !directories.includes(directory));
  if (old !== undefined && fresh.length === 0) return path;
  const joined = old === undefined ? request.addRpath : [...directories, ...fresh].join(':');
  return path.runpath === undefined && path.rpath !== undefined
    ? {rpath: joined, runpath: undefined}
    : {rpath: undefined, runpath: joined};
}

/** The needed libraries after a request. */
function expectNeeded(needed: readonly string[], request: Requested): readonly string[] {
  let names = [...needed];
  for (const name of request.addNeeded ?? []) if (!names.includes(name)) names.push(name);
  for (const name of request.addNeededFirst ?? [])
    if (names[0] !== name) names = [name, ...names.filter((other) => other !== name)];
  names = names.filter((name) => !request.removeNeeded?.includes(name));
  const replacements = new Map(Object.entries(request.replaceNeeded ?? {}));
  return names.map((name) => replacements.get(name) ?? name);
}

function requireEqual(view: ElfView, what: string, expected: unknown, got: unknown): void {
  const [wanted, found] = [JSON.stringify(expected) ?? 'none', JSON.stringify(got) ?? 'none'];
  if (wanted === found) return;
  throw new ElfError(
    'CHECK_FAILED',
    `internal error, nothing was written: ${what} would not read as it should`,
    {
      path: view.path,
      expected: wanted,
      got: found,
    },
  );
}
