/*
 * The search path of a repaired file: what leads into the package stays, what leads to the build machine goes.
 */
import {join, posix} from 'node:path';
import {isWithin} from '../package-files.js';

/** How a directory is written relative to a file's own. */
function originPath(file: string, directory: string): string {
  const relative = posix.relative(posix.dirname(file), directory);
  return relative === '' ? '$ORIGIN' : `$ORIGIN/${relative}`;
}

/** An element of a search path, and where it leads in the package. */
interface PathElement {
  readonly text: string;
  /** Directory in the package, `.` for its own; undefined where it leads elsewhere. */
  readonly inside: string | undefined;
}

/** Where an absolute element leads in the package. */
function absoluteInside(top: string, element: string): string | undefined {
  if (!element.startsWith('/') || element.includes('$')) return undefined;
  const path = posix.normalize(element);
  return isWithin(top, path) ? posix.relative(top, path) || '.' : undefined;
}

/** Take a search path apart. Elements are read as glibc and musl do: `$ORIGIN` is the directory of the file. */
function pathElements(file: string, list: string | undefined): PathElement[] {
  return (list === undefined ? [] : list.split(':')).map((text) => ({text, inside: insideOf(file, text)}));
}

/** Another token, as `$LIB`, is taken for a name: it stands for one or more, so that `..` after it may lead anywhere. */
function insideOf(file: string, element: string): string | undefined {
  const rest = /^\$(?:ORIGIN|\{ORIGIN\})(\/.*)?$/.exec(element);
  if (rest === null) return undefined;
  const [way = ''] = rest.slice(1);
  const token = way.indexOf('$');
  if (token >= 0 && way.slice(token).split('/').includes('..')) return undefined;
  const path = posix.normalize(posix.join(posix.dirname(file), `.${way}`)).replace(/(.)\/+$/, '$1');
  return path === '..' || path.startsWith('../') ? undefined : path;
}

/**
 * The path that a file needs. A directory of the package that has an absolute path, as CMake writes them, is named
 * relative to the file.
 *
 * @param top the package's directory
 * @param added directories in the package
 * @param isKept whether an element that leads out of the package may stay
 */
export function repairedPath(
  file: string,
  list: string | undefined,
  top: string,
  added: readonly string[],
  isKept: (element: string) => boolean,
): string {
  const kept = pathElements(file, list).flatMap((element) => {
    const {text, inside} = element;
    if (inside !== undefined || (text !== '' && isKept(text))) return [element];
    const found = absoluteInside(top, text);
    return found === undefined ? [] : [{text: originPath(file, found), inside: found}];
  });
  const present = new Set(kept.map(({inside}) => inside));
  const fresh = added
    .filter((directory) => !present.has(directory))
    .map((directory) => originPath(file, directory));
  return [...new Set([...kept.map(({text}) => text), ...fresh])].join(':');
}

/** The directories that a file's path names outside of the package, as paths of the machine: for finding libraries. */
export function outsideDirectories(
  file: string,
  list: string | undefined,
  origin: string | undefined,
): string[] {
  const found = pathElements(file, list).flatMap(({text, inside}) => {
    if (inside !== undefined) return [];
    if (text.startsWith('/')) return [text];
    const rest = /^\$(?:ORIGIN|\{ORIGIN\})(\/[^$]*)?$/.exec(text);
    return rest === null || origin === undefined ? [] : [join(origin, `.${rest[1] ?? ''}`)];
  });
  return [...new Set(found)];
}
