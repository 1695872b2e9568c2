/** Where things lie, as seen from inside the root that the bundle is for. */
export interface Layout {
  /** Directory of the programs. */
  readonly prefix: string;
  /** Directory of loader, libraries and manifest. */
  readonly libs: string;
}

/** The name of the bundled loader. Its SONAME, by which libraries ask for it, is inside it and stays. */
export const loaderName = 'ld.so';
