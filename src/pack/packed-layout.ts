/*
 * Where everything in a packed file is, from the sizes of what goes in.
 */
import type {Plan} from '../edit/plan.js';
import {PT} from '../elf/constants.js';
import {machineOf} from '../elf/machine.js';
import {roundUp} from '../elf/notes.js';
import type {ElfView} from '../elf/view.js';
import type {CallSite} from './calls.js';
import {fixedBase} from './fixed/base.js';
import {type CopiedSegment, placeDataSegments} from './fixed/data-segments.js';
import {type LoaderImage, loaderImage} from './loader-image.js';
import {type InRange, layOutRange, type ServedRange} from './range.js';
import {stateSize} from './records.js';
import type {PackRequest} from './request.js';
import {type InsideName, stubSegmentSize} from './stub-segment.js';

/** Where everything is, in file and memory. Addresses are those of the program's headers. */
export interface Placed {
  readonly page: number;
  /** What is added to those addresses when the file runs. */
  readonly base: bigint;
  readonly names: readonly InsideName[];
  readonly image: LoaderImage;
  /** Copies of the program's segments. */
  readonly data: readonly CopiedSegment[];
  readonly stub: Spot;
  readonly loader: Spot;
  /** What the handler serves from. */
  readonly range: ServedRange;
  readonly front: Spot;
  /** File offset after that. */
  readonly end: number;
}

export interface Spot {
  readonly offset: number;
  readonly address: bigint;
}

/** Lay out a packed file. */
export function place(
  {program, loader, libraries, fixedAddress = false}: PackRequest,
  isolation: Plan | undefined,
  calls: readonly CallSite[],
): Placed {
  const page = machineOf(program.view).maxPageSize;
  const inside = [loader, ...libraries];
  const views = inside.map(({view}) => view);
  const range = layOutRange(views, page, fixedAddress && libraries.length > 0);
  const names =
    libraries.length > 0
      ? range.files.flatMap((file, i) => (inside[i]?.names ?? []).map((name) => insideName(name, file)))
      : [];
  const stateRoom = calls.length > 0 ? stateSize(names.length) : 0;
  const image = loaderImage(loader.view, isolation, stateRoom, page);
  const base = fixedAddress ? fixedBase(program.view) : 0n;
  const data = placeDataSegments(program.view, base, roundUp(program.view.source.size, page), page);
  const stub = {offset: data.end, address: endOfMemory(program.view, page)};
  const loaderSpot = after(stub, roundUp(stubSegmentSize(program.view, names, calls), page));
  const front = {
    offset: loaderSpot.offset + image.bytes.length,
    address: loaderSpot.address + BigInt(image.memorySize),
  };
  return {
    ...{page, base, names, image, data: data.segments, stub, loader: loaderSpot, range, front},
    end: front.offset + range.size,
  };
}

function after({offset, address}: Spot, size: number): Spot {
  return {offset: offset + size, address: address + BigInt(size)};
}

function insideName(name: string, {view, offset, layout, rest}: InRange): InsideName {
  const first = view.segment(PT.PT_LOAD);
  const head = roundUp((first?.p_offset ?? 0) + (first?.p_filesz ?? 0), 4096);
  const {cut = roundUp(view.source.size, 4096), span = 0} = layout ?? {};
  return {name, offset, size: view.source.size, head, cut, rest, span};
}

function endOfMemory(view: ElfView, page: number): bigint {
  const ends = view.segments(PT.PT_LOAD).map(({p_vaddr, p_memsz}) => p_vaddr + BigInt(p_memsz));
  const end = ends.reduce((last, one) => (one > last ? one : last), 0n);
  const size = BigInt(page);
  return ((end + size - 1n) / size) * size;
}
