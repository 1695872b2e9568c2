/*
 * The words that `show` uses, in every format.
 */
import {
  type ElfFacts,
  type ElfKind,
  type Hardening,
  printable,
  type RegionChange,
  type RegionKind,
} from '../../index.js';
import {short} from '../size.js';

/** A number with thousands separators. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A length in bytes, and in a larger unit where that helps: "3,080,960 bytes (2.9 MiB)". */
export function bytes(value: number): string {
  const text = value === 1 ? '1 byte' : `${count(value)} bytes`;
  return value < 10_240 ? text : `${text} (${short(value)})`;
}

/** A part of a whole: "55%", "0.2%", "<0.01%". */
export function share(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100;
  if (percent > 0 && percent < 0.01) return '<0.01%';
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toFixed(percent < 0.1 ? 2 : 1)}%`;
}

export const kindNames: Readonly<Record<RegionKind, string>> = {
  header: 'headers',
  linking: 'dynamic linking',
  code: 'code',
  constant: 'read-only data',
  data: 'writable data',
  unloaded: 'not loaded',
  gap: 'free gap',
  slack: 'free slack',
  padding: 'padding',
  payload: 'payload',
  unknown: 'unknown',
};

/** A region's name, and what it is for where the name alone does not say so. */
export function regionInWords({name, kind}: {name: string; kind: RegionKind}): string {
  return selfEvident.has(kind) ? printable(name) : `${printable(name)}, ${kindNames[kind]}`;
}

const selfEvident: ReadonlySet<RegionKind> = new Set(['header', 'gap', 'slack', 'padding', 'payload']);

/** All kinds in the order in which a legend lists them. */
export const kinds = Object.keys(kindNames) as readonly RegionKind[];

export const changeNames: Readonly<Record<RegionChange, string>> = {
  same: 'unchanged',
  content: 'new content',
  moved: 'moved',
  resized: 'resized',
  added: 'new',
  removed: 'gone',
};

/** One value of a fact; `good` says whether it is as a careful distribution would have it. */
export interface FactValue {
  readonly text: string;
  readonly good?: boolean | undefined;
}

export interface Fact {
  readonly label: string;
  readonly values: readonly FactValue[];
}

/** Facts whose values have a line each. */
export const lineLabels: ReadonlySet<string> = new Set(['versions', 'inside']);

/** What it is, in one line: "PIE program for x86_64, 64-bit, little-endian". */
export function headline({kindName, machine, elfClass, littleEndian}: ElfFacts): string {
  return `${kindName} for ${machine}, ${elfClass}-bit, ${littleEndian ? 'little-endian' : 'big-endian'}`;
}

/** The facts for people, each with what it is called. What does not apply to the file is left out. */
export function factsInWords(facts: ElfFacts): Fact[] {
  const isLinked = facts.kind !== 'object-file' && facts.kind !== 'core-file';
  const rows: [string, readonly FactValue[]][] = [
    ['size', plain(bytes(facts.size))],
    ['interpreter', plain(facts.interpreter ?? (isLinked ? 'none' : undefined))],
    ['needs', requirements(facts)],
    ['libraries', facts.needed.map((text) => ({text}))],
    ['soname', plain(facts.soname)],
    ['search path', searchPath(facts)],
    ['hardening', facts.hardening === undefined ? [] : hardeningInWords(facts.hardening, facts.kind)],
    ['inside', insideInWords(facts)],
    ['symbols', plain(symbolsInWords(facts))],
    ['build id', plain(facts.buildId)],
    ['versions', facts.versions.map(({library, versions}) => ({text: `${library}: ${inOrder(versions)}`}))],
    ['unreadable', facts.unreadable.map((text) => ({text, good: false}))],
  ];
  return rows
    .filter(([, values]) => values.length > 0)
    .map(([label, values]) => ({
      label,
      values: values.map(({text, good}) => ({text: printable(text), good})),
    }));
}

/** GLIBC_2.4 before GLIBC_2.34. */
function inOrder(versions: readonly string[]): string {
  return [...versions].sort((a, b) => a.localeCompare(b, 'en', {numeric: true})).join(' ');
}

function plain(...texts: readonly (string | undefined)[]): FactValue[] {
  return texts.flatMap((text) => (text === undefined ? [] : [{text}]));
}

function requirements({glibc, abi}: ElfFacts): FactValue[] {
  return plain(glibc && `glibc ${glibc} or newer`, abi && `${abi} or newer`);
}

/** What is packed inside, a line each. */
function insideInWords({packed}: ElfFacts): FactValue[] {
  if (packed === undefined) return [];
  const parts = packed.parts.map(({role, names, size, buildId, sha256, source}) => {
    const identity = buildId === undefined ? `SHA-256 ${sha256}` : `build id ${buildId}`;
    const from = source === undefined ? '' : `, from ${source}`;
    return `${role} ${names.join(', ')}: ${bytes(size)}, ${identity}${from}`;
  });
  const isolated = packed.isolated ? 'the loader ignores LD_* variables' : 'the loader reads LD_* variables';
  return plain(
    packed.closed ? 'closed: the loader opens nothing else' : undefined,
    isolated,
    packed.fixedAddress
      ? 'at fixed addresses, relocated: ASLR does not move program and libraries'
      : undefined,
    ...parts,
  );
}

function searchPath({kind, rpath, runpath, relativePath, needed}: ElfFacts): FactValue[] {
  const tags = plain(
    rpath === undefined ? undefined : `${rpath} (DT_RPATH)`,
    runpath === undefined ? undefined : `${runpath} (DT_RUNPATH)`,
  );
  if (relativePath !== undefined) return [...tags, {text: relativePath, good: false}];
  if (tags.length > 0) return tags;
  return needed.length > 0 && kind !== 'debug-file' ? plain('none of its own') : [];
}

function hardeningInWords(hardening: Hardening, kind: ElfKind): FactValue[] {
  const {pie, relro, executableStack, stackProtector, fortified, features} = hardening;
  const list: (FactValue | undefined)[] = [
    pie === undefined ? undefined : {text: pie ? 'PIE' : 'not PIE', good: pie},
    {text: relro === 'none' ? 'no RELRO' : `${relro} RELRO`, good: relro !== 'none'},
    kind === 'static-program'
      ? undefined
      : {text: hardening.bindNow ? 'bind now' : 'lazy binding', good: hardening.bindNow ? true : undefined},
    executableStack === undefined
      ? {text: 'no PT_GNU_STACK', good: false}
      : {text: executableStack ? 'executable stack' : 'non-executable stack', good: !executableStack},
    hardening.textRelocations ? {text: 'relocations in code', good: false} : undefined,
    hardening.writableCode ? {text: 'a segment is writable and executable', good: false} : undefined,
    stackProtector === undefined
      ? undefined
      : {
          text: stackProtector ? 'stack protector' : 'no stack protector found',
          good: stackProtector || undefined,
        },
    fortified
      ? {text: `${fortified} fortified function${fortified === 1 ? '' : 's'}`, good: true}
      : undefined,
    ...features.map((text) => ({text, good: true})),
  ];
  return list.filter((value) => value !== undefined);
}

function symbolsInWords({stripped, debugInfo, hasSections}: ElfFacts): string {
  if (!hasSections) return 'stripped, no section headers';
  return [stripped ? 'stripped' : 'not stripped', ...(debugInfo ? ['with debug information'] : [])].join(
    ', ',
  );
}
