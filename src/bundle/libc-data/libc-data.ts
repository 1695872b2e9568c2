/*
 * What glibc itself opens at run time besides libraries: converters of character sets, and locales.
 */
import {posix} from 'node:path';
import {ElfError} from '../../errors.js';
import type {Root} from '../../loader/root.js';
import type {ResolvedTree} from '../../loader/tree.js';
import {findModuleLoading} from '../../loader/unresolved.js';
import type {DataFile} from '../data-files.js';
import type {BundleFile} from '../file-set.js';
import type {Layout} from '../layout.js';
import {type BuiltIn, builtInOf} from './built-in.js';
import {gconvDirectory, gconvFiles, gconvList} from './gconv.js';
import {isLocaleName, localeFiles} from './locales.js';

/** Which data of the C library comes along. */
export interface LibcDataRequest {
  /** Carry the modules with which iconv(3) converts character sets. Default: false. */
  readonly gconv?: boolean | undefined;
  /** Locales to carry, by names such as `de_DE.UTF-8`. */
  readonly locales?: readonly string[] | undefined;
}

/** Where a bundle goes. */
export interface LibcDataPlace {
  readonly root: Root;
  readonly layout: Layout;
  /** Whether the bundle may be moved, so that none of its paths can be built in. */
  readonly relocatable: boolean;
  /** Whether all programs are emulators of qemu-user: guests bring their own C library, and its data. */
  readonly emulators?: boolean;
  /** Paths of the existing bundle, all of which stay. */
  readonly kept: ReadonlySet<string>;
}

/** Data to bundle, and the variables that a user has to set so that the programs find it. */
export interface LibcData {
  readonly files: readonly DataFile[];
  readonly made: readonly BundleFile[];
  /** Variables by their names; in a relocatable bundle the values are below its directory. */
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/**
 * Find the requested data, and the kinds that an earlier bundle already has.
 *
 * @throws ElfError NOT_FOUND for missing data, UNSUPPORTED for programs without glibc, BAD_REQUEST for an invalid
 *   locale name
 */
export function findLibcData(
  trees: readonly ResolvedTree[],
  request: LibcDataRequest,
  place: LibcDataPlace,
): LibcData {
  const isAsked = request.gconv || (request.locales ?? []).length > 0;
  const builtIn = isAsked || place.kept.size > 0 ? builtInOf(trees, place.root) : undefined;
  if (builtIn === undefined) {
    if (isAsked) refuseWithoutGlibc();
    return {
      files: [],
      made: [],
      environment: {},
      notes: place.emulators ? [] : noteOnGconv(trees, place.root),
    };
  }
  const to = localeDirectory(builtIn, place);
  const gconv = request.gconv ?? place.kept.has(posix.join(gconvDirectory(place.layout), gconvList));
  const locales = [...(request.locales ?? []), ...localesIn(to, place.kept)];
  const converters = gconv ? gconvFiles(place.root, builtIn.gconv, place.layout) : [];
  const {files, made} = localeFiles(locales, place.root, builtIn.locale, to);
  const environment = {
    ...(gconv && !canBuildIn(builtIn, place) && {GCONV_PATH: shown(gconvDirectory(place.layout), place)}),
    ...(locales.length > 0 && to !== builtIn.locale && {LOCPATH: shown(to, place)}),
  };
  const variables = Object.entries(environment).map((pair) => noteOnVariable(pair, place));
  const notes = [...(gconv || place.emulators ? [] : noteOnGconv(trees, place.root)), ...variables];
  return {files: [...converters, ...files], made, environment, notes};
}

function refuseWithoutGlibc(): never {
  throw new ElfError('UNSUPPORTED', 'no program of the bundle uses the data of glibc', {
    expected: 'neither gconv modules nor locales, which musl and static programs do not read',
  });
}

/** Names of the locales that a bundle has already. */
function localesIn(directory: string, paths: ReadonlySet<string>): string[] {
  return [...paths].flatMap((path) => {
    const name = posix.basename(posix.dirname(path));
    return path === posix.join(directory, name, 'LC_CTYPE') && isLocaleName(name) ? [name] : [];
  });
}

/** Where locales go: the built-in directory if it is inside the bundle, since then no variable has to be set. */
function localeDirectory({locale}: BuiltIn, {layout: {prefix, libs}, relocatable}: LibcDataPlace): string {
  const isInside = locale.startsWith(prefix === '/' ? prefix : `${prefix}/`);
  return isInside && !relocatable ? locale : posix.join(libs, 'locale');
}

function canBuildIn({gconv}: BuiltIn, {layout, relocatable}: LibcDataPlace): boolean {
  return !relocatable && gconvDirectory(layout).length <= gconv.length;
}

function shown(path: string, {layout: {prefix}, relocatable}: LibcDataPlace): string {
  return relocatable ? path.slice(prefix.length + 1) : path;
}

function noteOnVariable([name, path]: readonly [string, string], {relocatable}: LibcDataPlace): string {
  return relocatable
    ? `set ${name} to the absolute path of ${path} in the bundle when you start the programs`
    : `set ${name}=${path} when you start the programs`;
}

/** Looks only at the programs themselves: nearly every one loads a library that could convert, such as GLib. */
function noteOnGconv(trees: readonly ResolvedTree[], root: Root): string[] {
  const converting = trees.filter((tree) => {
    const program = {...tree, nodes: tree.nodes.slice(0, 1)};
    return (
      tree.interpreter?.libc === 'glibc' &&
      findModuleLoading(program, root).some(({what}) => what === 'gconv')
    );
  });
  const path = converting[0]?.nodes[0]?.path;
  if (path === undefined) return [];
  return [
    `not included: the gconv modules with which ${path} converts character sets; the option gconv includes them`,
  ];
}

/** The directory of gconv modules among the data of a bundle that is not relocatable. */
export function gconvIn(data: readonly BundleFile[], layout: Layout): string | undefined {
  const directory = gconvDirectory(layout);
  return data.some(({path}) => path === posix.join(directory, gconvList)) ? directory : undefined;
}
