import type {OpenRoot} from '../loader/open-root.js';
import type {ResolvedTree} from '../loader/tree.js';
import {type DataFile, findDataFiles, placeOf} from './data-files.js';
import type {BundleFile} from './file-set.js';
import {findLibcData, gconvIn, type LibcDataPlace, type LibcDataRequest} from './libc-data/libc-data.js';

/** What is bundled for the programs to read. */
export interface Data {
  readonly data: readonly BundleFile[];
  /** Empty directories. */
  readonly directories: readonly string[];
  /** Where the gconv modules go, if they are bundled. */
  readonly gconv: string | undefined;
  /** The places of the requested files. */
  readonly places: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** Find the files that were asked for, and the data of the C library. @throws as `findDataFiles` and `findLibcData` do */
export function findData(
  trees: readonly ResolvedTree[],
  request: LibcDataRequest & {readonly files?: readonly DataFile[] | undefined},
  place: LibcDataPlace & {readonly root: OpenRoot},
): Data {
  const {layout, root} = place;
  const notes: string[] = [];
  const {files, made, environment, notes: more} = findLibcData(trees, request, place);
  const wanted = [...(request.files ?? []), ...files];
  const found = findDataFiles(root, wanted, layout, notes);
  const data = [...found.files, ...made];
  return {
    data,
    directories: found.directories,
    gconv: gconvIn(data, layout),
    places: wanted.map(({source, target}) => placeOf(source, target, layout.prefix)),
    environment,
    notes: [...notes, ...more],
  };
}
