/*
 * What package.json says of the platforms that a package is for. Node's package managers install a package only where
 * `os`, `cpu` and `libc` match, so a field that contradicts the files brings them to machines that cannot load them.
 */

import {decodeString} from '../elf/strings.js';
import {ElfError} from '../errors.js';
import type {ByteSource} from '../source/source.js';

/** The fields that matter here. A list is undefined where the field is missing. */
export interface PackageFields {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly os: readonly string[] | undefined;
  readonly cpu: readonly string[] | undefined;
  readonly libc: readonly string[] | undefined;
  /** Names of the packages that this one is installed with. */
  readonly dependencies: readonly string[];
  /** What is packed; undefined for everything. */
  readonly files: readonly string[] | undefined;
}

/** Far longer than any that people write. What JSON.parse makes of it can take a hundred times as much memory. */
const longest = 1 << 22;

/** Read package.json. @throws ElfError BAD_PACKAGE when it is too long, or is not a JSON object */
export function readPackageFields(source: ByteSource, path: string): PackageFields {
  if (source.size > longest) {
    throw new ElfError('BAD_PACKAGE', 'package.json is too long', {
      path,
      expected: `at most ${longest} bytes`,
      got: `${source.size}`,
    });
  }
  const value = parse(decodeString(source.read(0, source.size)), path);
  const {name, version, os, cpu, libc, files} = value;
  const dependencies = ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((field) =>
    Object.keys(asObject(value[field]) ?? {}),
  );
  return {
    name: text(name),
    version: text(version),
    os: list(os),
    cpu: list(cpu),
    libc: list(libc),
    dependencies,
    files: Array.isArray(files) ? list(files) : undefined,
  };
}

function parse(json: string, path: string): Record<string, unknown> {
  try {
    const value = asObject(JSON.parse(json.replace(/^\ufeff/, '')));
    if (value !== undefined) return value;
  } catch (cause) {
    throw new ElfError('BAD_PACKAGE', 'package.json is not JSON', {path, cause});
  }
  throw new ElfError('BAD_PACKAGE', 'package.json is not an object', {path});
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** npm takes a single string for a list of one. */
function list(value: unknown): string[] | undefined {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}

/**
 * Whether a field admits a value, by npm's rule: a `!` excludes, `any` admits, and a list of exclusions alone admits
 * everything else (npm-install-checks, checkList).
 */
export function admits(field: readonly string[] | undefined, value: string): boolean {
  if (field === undefined || field.length === 0 || field.includes('any')) return true;
  if (field.includes(`!${value}`)) return false;
  return field.every((item) => item.startsWith('!')) || field.includes(value);
}
