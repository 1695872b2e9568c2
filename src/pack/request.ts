import type {ElfView} from '../elf/view.js';

/** A file to pack. */
export interface PartRequest {
  readonly view: ElfView;
  /** The names under which the loader asks for it; for the program, its file name. */
  readonly names: readonly string[];
  /** Of its content: 64 lowercase hexadecimal digits. */
  readonly sha256: string;
  /** Permission bits. */
  readonly mode: number;
  /** Its path, if that is to be recorded. */
  readonly source?: string | undefined;
}

/** What goes into a packed file. */
export interface PackRequest {
  readonly program: PartRequest;
  readonly loader: PartRequest;
  /** If empty, only the loader goes inside, and it looks for libraries as usual. */
  readonly libraries: readonly PartRequest[];
  /** Whether the loader opens nothing but what is inside. */
  readonly closed?: boolean | undefined;
  /** Whether the loader ignores LD_* variables, ld.so.preload and ld.so.cache. Default: true. */
  readonly isolate?: boolean | undefined;
  /** Whether an isolated loader keeps the directories that it was built with. Default: true. */
  readonly keepDirectories?: boolean | undefined;
  /** Whether an isolated loader goes on using ld.so.cache. Default: false. */
  readonly keepCache?: boolean | undefined;
  /** Whether the file is always at the same addresses, and relocated for them; see fixed/base.ts. Default: false. */
  readonly fixedAddress?: boolean | undefined;
}
