/*
 * A damaged file as the program, the loader and a library of a packed file, and as a packed file itself. What can be planned
 * must come out as the plan says.
 */
import {packedContents, partSource, programInside} from '../../src/elf/packed.js';
import type {ElfView} from '../../src/elf/view.js';
import {ElfError} from '../../src/errors.js';
import {memoryLayout} from '../../src/pack/fixed/memory-layout.js';
import {relocate} from '../../src/pack/fixed/relocated.js';
import type {PackPlan} from '../../src/pack/plan.js';
import {planPack} from '../../src/pack/plan-pack.js';
import {provePacked} from '../../src/pack/prove.js';
import type {PackRequest, PartRequest} from '../../src/pack/request.js';
import {fixtureBytes} from '../helpers/fixtures.js';
import {viewBuffer} from '../helpers/view-buffer.js';

const sound = {
  program: part(fixtureBytes('x86_64/probe-pie'), 'program'),
  loader: part(fixtureBytes('x86_64/libprobe.so.1'), 'ld.so'),
};

function part(bytes: Uint8Array, name: string): PartRequest {
  return {view: viewBuffer(new Uint8Array(bytes)), names: [name], sha256: '0'.repeat(64), mode: 0o755};
}

/** A small packed file, to be damaged. */
export function packedSeed(): Uint8Array {
  const request = {...sound, libraries: []};
  return write(planPack(request), [request.program, request.loader]);
}

/** Put a file through everything that packs and unpacks. @throws Error for a plan that was wrong */
export function tryPacking(view: ElfView): void {
  attempt(() => programInside(view));
  attempt(() => provePacked(view));
  const own: PartRequest = {view, names: ['fuzzed'], sha256: '0'.repeat(64), mode: 0o755};
  tryPlan({program: own, loader: sound.loader, libraries: []});
  tryPlan({program: sound.program, loader: own, libraries: []});
  tryPlan({program: sound.program, loader: own, libraries: [own]});
  tryPlan({program: own, loader: sound.loader, libraries: [], fixedAddress: true});
  attempt(() => tryInPlace(view));
}

/** Segments laid out as in memory must be within the range that the layout gives. */
function tryInPlace(view: ElfView): void {
  const {elfClass, littleEndian} = view.format;
  const layout = elfClass === 64 && littleEndian ? memoryLayout(view, 65536) : undefined;
  if (layout === undefined) return;
  const {segments} = relocate(view, layout.copied, 0x3_0000_0000n, layout.align);
  for (const {address, bytes} of segments) {
    if (address < BigInt(layout.cut) || address + BigInt(bytes.length) > BigInt(layout.span))
      throw new Error('a segment is outside of its library');
  }
}

function tryPlan(request: PackRequest): void {
  const parts = [request.program, request.loader, ...request.libraries];
  const plan = attempt(() => planPack(request));
  if (plan === undefined) return;
  const result = viewBuffer(write(plan, parts));
  const contents = packedContents(result);
  if (contents === undefined) throw new Error('what was packed does not say so');
  contents.parts.forEach((packed, i) => {
    const [got, wanted] = [partSource(result, contents, packed), parts[i]?.view.source];
    const isSame =
      wanted !== undefined && Buffer.compare(got.read(0, got.size), wanted.read(0, wanted.size)) === 0;
    if (!isSame) throw new Error(`${packed.names[0]} does not come out as it went in`);
  });
}

function write({size, pieces}: PackPlan, parts: readonly PartRequest[]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const piece of pieces) {
    const content =
      'bytes' in piece ? piece.bytes : parts[piece.part]?.view.source.read(piece.from, piece.size);
    if (content !== undefined) bytes.set(content, piece.offset);
  }
  return bytes;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ElfError && error.code !== 'CHECK_FAILED') return undefined;
    throw error;
  }
}
