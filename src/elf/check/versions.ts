import {DT} from '../constants.js';
import {sysvHash} from '../hash.js';
import {hasStringToken} from '../search-path.js';
import {readStringBytes} from '../strings.js';
import {readDefinedVersions, readNeededVersions} from '../versions.js';
import type {ElfView} from '../view.js';
import type {Problem} from './problem.js';

/** Check DT_VERNEED and DT_VERDEF: counts, names, hashes, and that ld.so will have loaded the libraries. */
export function* checkVersions(view: ElfView): Generator<Problem> {
  const {dynamic} = view;
  if (dynamic === undefined) return;
  const needed = new Set(dynamic.needed);
  const libraries = readNeededVersions(view);
  yield* checkCount(view, DT.DT_VERNEEDNUM, libraries.length);
  for (const {record, offset, versions} of libraries) {
    const file = dynamic.stringAt(BigInt(record.vn_file));
    if (record.vn_version !== 1)
      yield say('BAD_VERSION', `DT_VERNEED for ${file}: vn_version is ${record.vn_version}, not 1`, offset);
    if (versions.length < record.vn_cnt)
      yield say('BAD_COUNT', `DT_VERNEED for ${file}: fewer versions than vn_cnt`, offset);
    if (!needed.has(file))
      yield say('NOT_NEEDED', `DT_VERNEED requires versions of ${file}, which is not in DT_NEEDED`, offset);
    // ld.so expands the token only in DT_NEEDED, and then knows no library by this name (dl-version.c: find_needed).
    if (hasStringToken(file))
      yield say(
        'TOKEN_IN_VERSIONS',
        `DT_VERNEED requires versions of ${file}, which ld.so does not expand`,
        offset,
      );
    yield* checkEnd('DT_VERNEED', 'vna_next', versions.at(-1)?.record.vna_next, offset);
    for (const version of versions) {
      const {vna_name, vna_hash} = version.record;
      yield* checkHash(view, 'DT_VERNEED', vna_name, vna_hash, version.offset);
    }
  }
  const lastLibrary = libraries.at(-1);
  yield* checkEnd('DT_VERNEED', 'vn_next', lastLibrary?.record.vn_next, lastLibrary?.offset);
  const defined = readDefinedVersions(view);
  yield* checkCount(view, DT.DT_VERDEFNUM, defined.length);
  for (const {record, offset, names} of defined) {
    const [first] = names;
    if (first === undefined) yield say('BAD_COUNT', 'DT_VERDEF: a version has no name', offset);
    else yield* checkHash(view, 'DT_VERDEF', first.record.vda_name, record.vd_hash, offset);
    yield* checkEnd('DT_VERDEF', 'vda_next', names.at(-1)?.record.vda_next, offset);
  }
  const lastVersion = defined.at(-1);
  yield* checkEnd('DT_VERDEF', 'vd_next', lastVersion?.record.vd_next, lastVersion?.offset);
}

/** ld.so does not count: it follows the links until one is 0. */
function* checkEnd(table: string, field: string, next = 0, offset = 0): Generator<Problem> {
  if (next !== 0) yield say('BAD_NEXT', `${table}: the last ${field} is ${next}, not 0`, offset);
}

function say(code: string, message: string, offset: number): Problem {
  return {code, message, offset};
}

function* checkCount(view: ElfView, tag: bigint, count: number): Generator<Problem> {
  const expected = view.dynamic?.value(tag);
  const name = tag === DT.DT_VERNEEDNUM ? 'DT_VERNEEDNUM' : 'DT_VERDEFNUM';
  if (expected !== undefined && expected !== BigInt(count))
    yield say('BAD_COUNT', `${name} is ${expected}, but there are ${count}`, view.dynamic?.offset ?? 0);
}

function* checkHash(
  view: ElfView,
  table: string,
  index: number,
  hash: number,
  offset: number,
): Generator<Problem> {
  const strings = view.dynamic?.stringTable;
  if (strings === undefined) return;
  const bytes = readStringBytes(view.source, strings.offset, strings.size, index);
  if (sysvHash(bytes) === hash) return;
  const name = view.dynamic?.stringAt(BigInt(index));
  yield say('BAD_HASH', `${table}: the hash of version ${name} is wrong`, offset);
}
