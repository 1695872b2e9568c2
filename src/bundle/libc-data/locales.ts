/*
 * Locales of glibc: each is a directory, or part of an archive. In a bundle each is a directory, which setlocale(3)
 * finds below LOCPATH, or in the built-in directory if that is inside the bundle.
 */
import {posix} from 'node:path';
import {ElfError} from '../../errors.js';
import type {Root} from '../../loader/root.js';
import type {DataFile} from '../data-files.js';
import {type BundleFile, generated} from '../file-set.js';
import {LocaleArchive} from './locale-archive.js';

/** Locales to carry. */
export interface LocaleFiles {
  /** Locales that exist as directories. */
  readonly files: readonly DataFile[];
  /** Files extracted from the archive. */
  readonly made: readonly BundleFile[];
}

/**
 * Find locales by the names that setlocale(3) takes: `de_DE.UTF-8` is called `de_DE.utf8` on disk.
 *
 * @param builtIn the directory of a root's locales
 * @param to the directory that they go to
 * @throws ElfError BAD_REQUEST for an invalid locale name, NOT_FOUND with some names that do exist
 */
export function localeFiles(names: readonly string[], root: Root, builtIn: string, to: string): LocaleFiles {
  const files: DataFile[] = [];
  const made: BundleFile[] = [];
  if (names.length === 0) return {files, made};
  using archive = archiveIn(root, builtIn);
  for (const name of new Set(names)) {
    const spellings = spellingsOf(name);
    const directory = spellings.find((one) => isDirectory(root, posix.join(builtIn, one)));
    const stored = spellings.find((one) => archive?.has(one));
    if (directory !== undefined) {
      const source = posix.join(builtIn, directory);
      files.push({source, target: posix.join(to, directory), resolve: false});
    } else if (stored !== undefined) {
      for (const {path, content} of archive?.files(stored) ?? [])
        made.push({...madeHere(root, name), path: posix.join(to, stored, path), content});
    } else throw notFound(name, builtIn, archive);
  }
  return {files, made};
}

function madeHere(from: Root, name: string) {
  return {role: 'data', source: generated, from, identity: generated, why: `the locale ${name}`} as const;
}

/** Language, codeset and modifier, as in `de_DE.UTF-8@euro`; no path. */
const localeName = /^(\w+)(?:\.([\w-]+))?(@\w+)?$/;

export function isLocaleName(name: string): boolean {
  return localeName.test(name);
}

/** A name, and how glibc writes it: the codeset in lowercase letters and digits (_nl_normalize_codeset). */
function spellingsOf(name: string): string[] {
  const [, language, codeset, modifier = ''] = localeName.exec(name) ?? [];
  if (language === undefined)
    throw new ElfError('BAD_REQUEST', 'not the name of a locale', {
      expected: 'a name such as de_DE.UTF-8',
      got: name,
      value: name,
    });
  if (codeset === undefined) return [name];
  const plain = codeset.toLowerCase().replace(/[^a-z0-9]/g, '');
  return [name, `${language}.${/^\d+$/.test(plain) ? 'iso' : ''}${plain}${modifier}`];
}

function isDirectory(root: Root, path: string): boolean {
  const there = root.resolve(path);
  return there.found && there.stats.isDirectory();
}

function archiveIn(root: Root, builtIn: string): LocaleArchive | undefined {
  const path = posix.join(builtIn, archiveName);
  const there = root.resolve(path);
  if (!there.found || !there.stats.isFile()) return undefined;
  const source = root.source(there.host);
  try {
    return new LocaleArchive(source, path);
  } catch (error) {
    source.close();
    throw error;
  }
}

const archiveName = 'locale-archive';

function notFound(name: string, builtIn: string, archive: LocaleArchive | undefined): ElfError {
  const others = archive?.someNames(10) ?? [];
  return new ElfError('NOT_FOUND', `the locale ${name} was not found`, {
    path: builtIn,
    expected:
      others.length === 0
        ? 'a locale that localedef made'
        : `one that is there, such as ${others.join(', ')}`,
    value: name,
  });
}
