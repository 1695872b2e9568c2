/*
 * The segment of the stub: its code, the configuration right after it, the names, the trampolines.
 */
import {EM} from '../elf/constants.js';
import {roundUp} from '../elf/notes.js';
import type {ElfView} from '../elf/view.js';
import type {CallSite} from './calls.js';
import {Config, Library, nameHash} from './records.js';
import {stubCode} from './stub-code.js';
import {commonOffset, trampoline} from './trampolines.js';

/** A name inside, and the file that it leads to. */
export interface InsideName {
  readonly name: string;
  /** Where the file is in the mapped range. */
  readonly offset: number;
  readonly size: number;
  /** Bytes of its first segment, rounded up to a whole page. */
  readonly head: number;
  /** Bytes of it that are at `offset`, in whole pages; the others are at `rest`. */
  readonly cut: number;
  readonly rest: number;
  /** Bytes of memory that are ready at its fixed address; 0 if it has none. */
  readonly span: number;
}

/** The contents of the configuration, with places as addresses in the program. */
export interface StubFacts {
  readonly headers: bigint;
  readonly headerCount: number;
  readonly entry: bigint;
  readonly loader: bigint;
  readonly loaderEntry: bigint;
  readonly state: bigint;
  readonly front: bigint;
  readonly back: bigint;
  readonly place: bigint;
  /** Bytes of the mapped range. */
  readonly size: number;
  readonly flags: number;
}

export interface StubSegment {
  readonly bytes: Uint8Array;
  /** What to write over the call sites. */
  readonly jumps: readonly {readonly offset: number; readonly bytes: Uint8Array}[];
}

/** More than a trampoline ever takes. */
const trampolineRoom = 48;

/** How many bytes the segment takes. */
export function stubSegmentSize(
  program: ElfView,
  names: readonly InsideName[],
  calls: readonly CallSite[],
): number {
  const {length} = codeOf(program);
  const {elfClass} = program.format;
  return tableEnd(length, names, elfClass) + namesSize(names) + 16 + calls.length * trampolineRoom;
}

/**
 * Make the segment.
 *
 * @param at its address
 * @param calls of the loader, relative to it
 */
export function stubSegment(
  program: ElfView,
  at: bigint,
  facts: StubFacts,
  names: readonly InsideName[],
  calls: readonly CallSite[],
): StubSegment {
  const {format} = program;
  const code = codeOf(program);
  const bytes = new Uint8Array(stubSegmentSize(program, names, calls));
  bytes.set(code);
  const self = at + BigInt(code.length);
  const config = {
    headers: facts.headers - self,
    header_count: BigInt(facts.headerCount),
    entry: facts.entry - self,
    loader: facts.loader - self,
    loader_entry: facts.loaderEntry - self,
    state: facts.state - self,
    front: facts.front - self,
    back: facts.back - self,
    place: facts.place - self,
    size: BigInt(facts.size),
    count: names.length,
    flags: facts.flags,
  };
  bytes.set(Config.encode(config, format), code.length);
  let end = tableEnd(code.length, names, format.elfClass);
  names.forEach(({name, offset, size, head, cut, rest, span}, i) => {
    const text = new TextEncoder().encode(name);
    const record = {
      hash: nameHash(text),
      name: end - code.length,
      offset: BigInt(offset),
      size: BigInt(size),
      head: BigInt(head),
      cut: BigInt(cut),
      rest: BigInt(rest),
      span: BigInt(span),
    };
    const {elfClass} = format;
    bytes.set(
      Library.encode(record, format),
      code.length + Config.size(elfClass) + i * Library.size(elfClass),
    );
    bytes.set(text, end);
    end += text.length + 1;
  });
  end = roundUp(end, 16);
  const jumps = calls.map((site) => {
    const moved = {...site, address: facts.loader + site.address};
    const made = trampoline(program.header.e_machine, moved, at + BigInt(end), at + BigInt(commonOffset));
    bytes.set(made.code, end);
    end += trampolineRoom;
    return {offset: site.offset, bytes: made.jump};
  });
  return {bytes, jumps};
}

function codeOf({header}: ElfView): Uint8Array {
  const lines = stubCode[header.e_machine === EM.EM_AARCH64 ? 'aarch64' : 'x86_64'];
  return Uint8Array.from(Buffer.from(lines.join(''), 'base64'));
}

function tableEnd(code: number, names: readonly InsideName[], elfClass: 32 | 64): number {
  return code + Config.size(elfClass) + names.length * Library.size(elfClass);
}

function namesSize(names: readonly InsideName[]): number {
  return names.reduce((sum, {name}) => sum + new TextEncoder().encode(name).length + 1, 0);
}
