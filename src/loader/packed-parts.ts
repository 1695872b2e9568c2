/*
 * The files inside a packed program, as its loader sees them: their names lead to them, whatever the search path,
 * before any directory is searched.
 */
import {posix} from 'node:path';
import {PT} from '../elf/constants.js';
import {type PackedContents, type PackedPart, partSource} from '../elf/packed.js';
import {ElfView} from '../elf/view.js';
import {type ByteSource, checkRange, isSameBytes} from '../source/source.js';
import type {Interpreter} from './interpreter.js';
import {readLoaderFacts} from './loader-facts.js';
import type {LookedUpFile} from './lookups.js';
import type {ProgramFile} from './members.js';
import {describeObject, withSource} from './object.js';
import type {Root} from './root.js';

/** A file inside. */
interface InsideFile extends LookedUpFile {
  /** As in "qemu-arm(libz.so.1)", the way that archives' members are written. */
  readonly path: string;
}

/** The loader of a packed program, and its libraries by every name that they answer to. */
export interface Inside {
  readonly interpreter: Interpreter | undefined;
  readonly libraries: ReadonlyMap<string, InsideFile>;
}

/** Look into a packed program; undefined for any other. */
export function insideOf(root: Root, path: string, program: ProgramFile): Inside | undefined {
  const {packed, machine, segments} = program.object;
  if (packed === undefined) return undefined;
  return withSource(root.source(program.host), (source) => {
    const view = new ElfView(source);
    const libraries = new Map<string, InsideFile>();
    let interpreter: Interpreter | undefined;
    for (const part of packed.parts.slice(1)) {
      const bytes = partSource(view, packed, part);
      const file: InsideFile = {
        kind: 'file',
        host: program.host,
        identity: `${program.identity}:${part.offset}`,
        object: describeObject(bytes, true),
        path: `${path}(${part.names[0]})`,
      };
      if (part.role === 'loader') {
        const facts = readLoaderFacts(runningCopy(view, part) ?? bytes, machine);
        const requested = segments?.interpreter;
        interpreter = {requested, path: file.path, file, facts, substituted: false};
      } else {
        for (const name of part.names) libraries.set(name, file);
      }
    }
    return {interpreter, libraries};
  });
}

/**
 * The copy of the loader that runs. It opens other files than the original, because an isolated one has other strings. It
 * is mapped from its first byte on, as a segment of its own.
 */
function runningCopy(view: ElfView, {offset, size}: PackedPart): ByteSource | undefined {
  const {source} = view;
  const length = Math.min(size, headerSize);
  const header = source.read(offset, length);
  const copy = view
    .segments(PT.PT_LOAD)
    .find(
      ({p_offset, p_filesz}) =>
        p_offset !== offset &&
        p_filesz >= length &&
        p_offset + length <= source.size &&
        isSameBytes(source.read(p_offset, length), header),
    );
  if (copy === undefined) return undefined;
  const start = copy.p_offset;
  const range: ByteSource = {
    path: source.path,
    size: Math.min(size, source.size - start),
    read: (at, count) => {
      checkRange(range, at, count);
      return source.read(start + at, count);
    },
  };
  return range;
}

/** Of an ELF header of the class that can be packed. */
const headerSize = 64;

/** The part of a packed file that a path of this kind names; undefined for a path of another kind. */
export function partNamed(contents: PackedContents, path: string) {
  const name = /\(([^()]+)\)$/.exec(path)?.[1];
  return contents.parts.find(({names}) => names[0] === name);
}

/** The file inside that a request leads to. */
export function findInside(inside: Inside | undefined, name: string): InsideFile | undefined {
  return inside?.libraries.get(posix.basename(name));
}
