/*
 * The only code that writes a packed file: it is made in a workspace beside its place, proved there, then renamed. What
 * is copied is hashed on the way, to detect a part that changed since it was planned.
 */
import {createHash} from 'node:crypto';
import {fchmodSync, fsyncSync, ftruncateSync, renameSync, type Stats} from 'node:fs';
import type {PackedPart} from '../elf/packed.js';
import {ElfError, systemError} from '../errors.js';
import {closeQuietly} from '../source/descriptor.js';
import {findPlace, type Place} from '../source/place.js';
import type {OnProgress} from '../source/progress.js';
import {type ByteSource, readInPieces} from '../source/source.js';
import {writeFully} from '../write/content.js';
import {syncDirectory} from '../write/durable.js';
import {destinationAt} from '../write/replacement.js';
import {Workspaces} from '../write/workspace.js';
import type {PackPiece, PackPlan} from './plan.js';

/** The parts of a plan that are needed to write it. */
export interface Packing extends Pick<PackPlan, 'size' | 'pieces'> {
  readonly contents: {readonly parts: readonly Pick<PackedPart, 'size' | 'mode' | 'sha256'>[]};
}

/**
 * Write a packed file.
 *
 * @param sources of the plan's parts, in their order
 * @param prove gets the path of the finished file before that is moved into place; if it throws, the file is not moved
 * @throws ElfError CHANGED, NOT_A_FILE, FILE_SYSTEM, and what `prove` throws; a file that was at `output` is as it was
 */
export function writePacked(
  plan: Packing,
  sources: readonly ByteSource[],
  output: string,
  prove: (file: string) => void,
  onProgress: OnProgress = () => {},
): void {
  using place = findPlace(output, {orLink: true});
  writePackedAt(plan, sources, place, prove, onProgress, output);
}

/**
 * The same, for a place that was already looked up.
 *
 * @param output its path for messages
 */
export function writePackedAt(
  plan: Packing,
  sources: readonly ByteSource[],
  place: Place,
  prove: (file: string) => void,
  onProgress: OnProgress = () => {},
  output = place.real,
): void {
  const workspaces = new Workspaces();
  try {
    const {replaced} = destinationAt(place, output);
    const file = workspaces.create(place.directory);
    const path = file.workspace.path(file.number);
    try {
      writePieces(file.fd, plan, sources, onProgress);
      fchmodSync(file.fd, modeOf(plan));
      fsyncSync(file.fd);
    } finally {
      // A file that is open for writing cannot be run.
      closeQuietly(file.fd);
    }
    prove(path);
    requireSame(place, replaced, output);
    renameSync(path, place.path);
    syncDirectory(place.directory.path);
  } catch (error) {
    throw systemError(output, error, 'cannot write');
  } finally {
    workspaces.remove();
  }
}

/** Refuse if the output changed since it was looked at: the change would be lost. */
function requireSame(place: Place, before: Stats | undefined, path: string): void {
  const now = place.look();
  if (now?.ino === before?.ino && now?.dev === before?.dev && now?.mtimeMs === before?.mtimeMs) return;
  throw new ElfError('CHANGED', 'the output changed during packing', {path});
}

/**
 * Readable by those who may read each part, and executable by those who may run the program and read the other parts.
 * Set-ID bits are granted to the program's own file only.
 */
function modeOf({contents: {parts}}: Packing): number {
  const [program, ...others] = parts.map(({mode}) => mode);
  const readers = others.reduce((bits, mode) => bits & mode, 0o044);
  return ((program ?? 0) & (0o700 | readers | (readers >> 2))) | 0o500;
}

function writePieces(
  fd: number,
  plan: Packing,
  sources: readonly ByteSource[],
  onProgress: OnProgress,
): void {
  ftruncateSync(fd, plan.size);
  const parts = plan.contents.parts.map((part, i) => new CopiedPart(part, sources[i]));
  let done = 0;
  for (const piece of plan.pieces) {
    if ('bytes' in piece) {
      writeFully(fd, piece.bytes, piece.offset);
    } else {
      const part = parts[piece.part];
      if (part === undefined)
        throw new ElfError('BAD_REQUEST', 'a part of the plan has no source', {expected: piece.what});
      const report = (bytes: number) =>
        onProgress({step: 'copying', path: part.path ?? piece.what, done: done + bytes, total: plan.size});
      part.copy(fd, piece, report);
    }
    done += piece.size;
  }
}

/**
 * A part that is copied in pieces, in order; after the last one, the hash shows whether the part is what was planned.
 */
class CopiedPart {
  readonly path: string | undefined;
  readonly #source: ByteSource;
  readonly #sha256: string;
  readonly #hash = createHash('sha256');
  #hashed = 0;

  constructor({size, sha256}: Pick<PackedPart, 'size' | 'sha256'>, source: ByteSource | undefined) {
    if (source === undefined) throw new ElfError('BAD_REQUEST', 'a part of the plan has no source');
    this.path = source.path;
    this.#source = source;
    this.#sha256 = sha256;
    if (source.size !== size) throw changed(source);
  }

  copy(fd: number, {offset, size, from}: CopiedPiece, report: (done: number) => void): void {
    // There may be such a piece after the last byte, when the hash is complete.
    if (size === 0) return;
    const source = this.#source;
    this.#hash.update(source.read(this.#hashed, from - this.#hashed));
    const copy = (bytes: Uint8Array, at: number) => {
      this.#hash.update(bytes);
      writeFully(fd, bytes, offset + at - from);
      report(at - from);
      return undefined;
    };
    readInPieces(source, from, size, copy, 1 << 20);
    this.#hashed = from + size;
    if (this.#hashed === source.size && this.#hash.digest('hex') !== this.#sha256) throw changed(source);
  }
}

type CopiedPiece = Extract<PackPiece, {part: number}>;

function changed({path}: ByteSource): ElfError {
  return new ElfError('CHANGED', 'the file changed during packing', {path});
}
