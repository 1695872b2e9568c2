/** What an audit can find, as stable names; docs/packages.md explains each one. */
export type PackageFindingCode =
  | 'above-limit'
  | 'bad-elf'
  | 'build-interpreter'
  | 'build-path'
  | 'bundled-but-unused'
  | 'current-directory'
  | 'executable-stack'
  | 'link-not-packed'
  | 'missing-version'
  | 'name-contradicts'
  | 'no-libc-field'
  | 'no-relro'
  | 'node-symbols'
  | 'other-package'
  | 'outside-library'
  | 'page-size'
  | 'private-symbols'
  | 'text-relocations'
  | 'unknown-version'
  | 'wrong-cpu'
  | 'wrong-libc'
  | 'wrong-os'
  | 'writable-code';

/** `error`: some users cannot load it, or a limit is broken; `warning`: a risk; `note`: worth knowing. */
export type Severity = 'error' | 'warning' | 'note';

/** One thing that an audit found. */
export interface PackageFinding {
  readonly code: PackageFindingCode;
  readonly severity: Severity;
  /** Path in the package; undefined for the package as a whole. */
  readonly file: string | undefined;
  /** One sentence. Names from files are in it as they are: escape it before it reaches a terminal or a page. */
  readonly message: string;
}
