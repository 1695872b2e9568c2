/*
 * A policy: what a package may ask of the system. `--max-glibc` is the short form of one; a file has the rest.
 */
import {ElfError} from '../errors.js';
import {withoutSlashesAtEnd} from '../source/slashes.js';
import type {Family} from './floor.js';
import {isBase, type Limits, policies} from './platforms.js';
import {isVersion} from './version-numbers.js';

/** What a package may ask of the system, as a policy file says it. */
export interface Policy {
  /** Start from this one: `manylinux_2_28`, ... */
  readonly extends?: string;
  /** The newest version of each system library that files may need, as in `{"glibc": "2.28"}`. */
  readonly limits?: Limits;
  /** Libraries that may come from the system besides the base set. */
  readonly allow?: readonly string[];
  /** Directories, with all below them, that a search path may name although they are not in the package. */
  readonly paths?: readonly string[];
  /** Findings to leave out, by code. */
  readonly ignore?: readonly string[];
}

/** The rules that a policy amounts to. */
export interface Rules {
  readonly limits: Limits;
  readonly ignore: ReadonlySet<string>;
  /** Whether a library is the system's to provide. */
  isAllowed(library: string): boolean;
  /** Whether a search path may name a directory outside of the package. */
  isAllowedPath(directory: string): boolean;
}

/** The names that a policy can extend. */
export const policyNames: readonly string[] = Object.keys(policies);

/** Work a policy out. @throws ElfError BAD_REQUEST for what is not one */
export function rulesOf(policy: Policy = {}, limits: Limits = {}): Rules {
  checkPolicy(policy);
  const base = policy.extends === undefined ? undefined : baseOf(policy.extends);
  const joined = {...base?.limits, ...given(policy.limits), ...given(limits)};
  for (const [family, version] of Object.entries(joined)) checkLimit(family, version);
  const allowed = new Set([...(base?.libraries ?? []), ...(policy.allow ?? [])]);
  return {
    limits: joined,
    ignore: new Set(policy.ignore),
    isAllowed: (library) => isBase(library) || allowed.has(library),
    isAllowedPath: (directory) =>
      (policy.paths ?? []).some((path) => `${directory}/`.startsWith(`${withoutSlashesAtEnd(path)}/`)),
  };
}

function baseOf(name: string) {
  if (Object.hasOwn(policies, name)) return policies[name];
  throw wrong('no such policy', policyNames.join(', '), name);
}

/** A limit may be undefined, as those are that nobody gave. */
function given(limits: Limits = {}): Limits {
  return Object.fromEntries(Object.entries(limits).filter(([, version]) => version !== undefined));
}

const families: readonly Family[] = ['glibc', 'musl', 'glibcxx', 'cxxabi', 'gcc'];

function checkLimit(family: string, version: unknown): void {
  if (!families.includes(family as Family))
    throw wrong('the policy has an unknown limit', families.join(', '), family);
  if (typeof version !== 'string' || !isVersion(version))
    throw wrong(`the limit for ${family} is not a version`, 'a version such as 2.28', String(version));
}

function checkPolicy(policy: Policy): void {
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy))
    throw wrong('not a policy', 'an object', typeof policy);
  const known = ['extends', 'limits', 'allow', 'paths', 'ignore'];
  const stray = Object.keys(policy).find((field) => !known.includes(field));
  if (stray !== undefined) throw wrong('the policy has an unknown field', known.join(', '), stray);
  if (policy.extends !== undefined && typeof policy.extends !== 'string')
    throw wrong('extends does not name a policy', policyNames.join(', '), typeof policy.extends);
  if (policy.limits !== undefined && (typeof policy.limits !== 'object' || policy.limits === null))
    throw wrong('limits is not an object', '{"glibc": "2.28"}', typeof policy.limits);
  for (const field of ['allow', 'paths', 'ignore'] as const) {
    const value: unknown = policy[field];
    if (value !== undefined && !(Array.isArray(value) && value.every((item) => typeof item === 'string')))
      throw wrong(`${field} is not a list of names`, 'an array of strings', typeof value);
  }
}

function wrong(what: string, expected: string, got: string): ElfError {
  return new ElfError('BAD_REQUEST', what, {expected, got, value: got});
}
