/*
 * Which users exist in the new user namespace.
 *
 * identity: root maps every id that it has to itself, so files keep their owners. `unshare` cannot make this map;
 * the kernel takes it from a process outside that holds CAP_SETUID, CAP_SETGID and CAP_SETFCAP.
 * subordinate: an ordinary user is root inside, and the ranges of /etc/subuid and /etc/subgid are the other
 * users (newuidmap(1)). single: without such ranges there is one id, and chown to any other one fails.
 */
import {execFileSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {userInfo} from 'node:os';
import {ElfError, systemError} from '../errors.js';
import {findTool, hasTool} from './tools.js';

/** How user IDs inside relate to those outside: as they are, as ranges of /etc/subuid, or only one's own. */
export type IdMapKind = 'identity' | 'subordinate' | 'single';

/** `count` IDs, beginning with `inside` in the namespace and `outside` here (user_namespaces(7)). */
interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export interface IdMap {
  readonly kind: IdMapKind;
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/**
 * Plan the map that the caller may have: identity as root, else subordinate ids, else a single one.
 *
 * @throws ElfError UNSUPPORTED when `kind` is asked for and cannot be had
 */
export function planIdMap(kind: IdMapKind | 'auto' = 'auto'): IdMap {
  const [uid, gid] = [process.geteuid?.() ?? -1, process.getegid?.() ?? -1];
  if (kind === 'identity' || (kind === 'auto' && uid === 0)) return identityMap();
  if (kind !== 'single') {
    const map = subordinateMap(uid, gid);
    if (map !== undefined) return map;
    if (kind === 'subordinate') throw noSubordinateIds();
  }
  return {
    kind: 'single',
    uids: [{inside: 0, outside: uid, count: 1}],
    gids: [{inside: 0, outside: gid, count: 1}],
  };
}

/** Whether only one id exists inside; under `unshare --map-root-user`, even root's identity map has only one. */
export function hasOneId({uids}: IdMap): boolean {
  return uids.reduce((sum, {count}) => sum + count, 0) === 1;
}

/** Write the map of a new user namespace. `pid` is a process in it that was started by this one. */
export function writeIdMap(pid: number, {kind, uids, gids}: IdMap): void {
  if (kind === 'subordinate') {
    runMapper('newgidmap', pid, gids);
    runMapper('newuidmap', pid, uids);
    return;
  }
  // Without privileges, a gid map is accepted only where setgroups(2) is given up (user_namespaces(7)).
  if (kind === 'single') writeProc(pid, 'setgroups', 'deny');
  writeProc(pid, 'gid_map', formatRanges(gids));
  writeProc(pid, 'uid_map', formatRanges(uids));
}

/** Read a map file of /proc, or the ranges that a line of /etc/subuid gives, from its numbers. */
export function parseIdRanges(text: string): readonly IdRange[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return {inside, outside, count};
    });
}

/** The ranges of a user in /etc/subuid or /etc/subgid, `NAME-OR-UID:FIRST:COUNT` (subuid(5)). */
export function parseSubordinateRanges(text: string, name: string, uid: number): readonly IdRange[] {
  let inside = 1;
  const ranges: IdRange[] = [];
  for (const line of text.split('\n')) {
    const [owner, first, length] = line.split(':');
    const [outside, count] = [Number(first), Number(length)];
    if ((owner !== name && owner !== String(uid)) || !(outside > 0) || !(count > 0)) continue;
    // The kernel takes no id twice, and many a file has one range by name and by number.
    if (ranges.some((range) => outside < range.outside + range.count && range.outside < outside + count))
      continue;
    ranges.push({inside, outside, count});
    inside += count;
  }
  return ranges;
}

/** This process's own namespace may have only some ids; all of them are kept. */
function identityMap(): IdMap {
  const keep = (file: string) =>
    parseIdRanges(readFileSync(file, 'utf8')).map(({inside, count}) => ({inside, outside: inside, count}));
  return {kind: 'identity', uids: keep('/proc/self/uid_map'), gids: keep('/proc/self/gid_map')};
}

function subordinateMap(uid: number, gid: number): IdMap | undefined {
  if (!hasTool('newuidmap') || !hasTool('newgidmap')) return undefined;
  const uids = subordinateRanges('/etc/subuid', uid);
  const gids = subordinateRanges('/etc/subgid', uid);
  if (uids.length === 0 || gids.length === 0) return undefined;
  return {
    kind: 'subordinate',
    uids: [{inside: 0, outside: uid, count: 1}, ...uids],
    gids: [{inside: 0, outside: gid, count: 1}, ...gids],
  };
}

/**
 * Empty also for a user who is not in /etc/passwd: newuidmap refuses a user without a name, whatever /etc/subuid says.
 */
function subordinateRanges(file: string, uid: number): readonly IdRange[] {
  try {
    return parseSubordinateRanges(readFileSync(file, 'utf8'), userInfo().username, uid);
  } catch {
    return [];
  }
}

function noSubordinateIds(): ElfError {
  return new ElfError('UNSUPPORTED', 'this user has no subordinate ids', {
    expected: 'newuidmap and newgidmap (package uidmap), and a range in /etc/subuid and /etc/subgid',
  });
}

function formatRanges(ranges: readonly IdRange[]): string {
  return ranges.map(({inside, outside, count}) => `${inside} ${outside} ${count}\n`).join('');
}

function runMapper(tool: 'newuidmap' | 'newgidmap', pid: number, ranges: readonly IdRange[]): void {
  const numbers = ranges.flatMap(({inside, outside, count}) => [inside, outside, count]);
  try {
    execFileSync(findTool(tool), [pid, ...numbers].map(String), {stdio: 'pipe', encoding: 'utf8'});
  } catch (error) {
    const {stderr, message} = error as {stderr?: string; message: string};
    throw new ElfError('UNSUPPORTED', `${tool} rejected the id map`, {
      got: stderr?.trim() || message,
      cause: error,
    });
  }
}

/** The kernel takes a map in one write(2). */
function writeProc(pid: number, file: 'setgroups' | 'uid_map' | 'gid_map', text: string): void {
  const path = `/proc/${pid}/${file}`;
  try {
    writeFileSync(path, text);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code !== 'EPERM') throw systemError(path, error, 'cannot write');
    const expected = 'CAP_SETUID, CAP_SETGID and CAP_SETFCAP to map all ids';
    throw new ElfError('UNSUPPORTED', 'the kernel rejected the id map', {path, expected, cause: error});
  }
}
