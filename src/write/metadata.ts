/*
 * Owner and mode of a file that takes the place of another. The set-user-ID bit of a file is a grant by its owner: on
 * a file of another user it would grant what no one granted.
 */
import {fchmodSync, fchownSync, fstatSync, type Stats} from 'node:fs';

const permissions = 0o777;
const allBits = 0o7777;
const setIds = 0o6000;
const othersMayWrite = 0o022;

/** Give an open file the owner of `like`. @returns what could not be kept, in words */
export function keepOwner(fd: number, {uid, gid}: Stats): string[] {
  const own = fstatSync(fd);
  if (own.uid === uid && own.gid === gid) return [];
  try {
    fchownSync(fd, uid, gid);
    return [];
  } catch {
    return [`the owner ${uid}:${gid} could not be kept`];
  }
}

/**
 * Give an open file that has its owner the mode of `input`, as far as this owner may have it. An ACL stays as it is,
 * since the bits that it shares with the mode do not change.
 *
 * @param isSaid whether the user knows already that the owner is another
 */
export function setMode(fd: number, input: Stats, isSaid: boolean): string[] {
  const now = fstatSync(fd);
  const isOwner = now.uid === input.uid && now.gid === input.gid;
  const wanted = input.mode & (isOwner ? allBits : permissions);
  if ((now.mode & allBits) !== wanted) fchmodSync(fd, wanted);
  return isOwner || isSaid || (input.mode & setIds) === 0
    ? []
    : ['the set-user-ID or set-group-ID bit is dropped: the owner differs'];
}

/**
 * The kernel takes set-ID bits from a file that an ordinary user writes into; its owner may give them back. But it takes
 * them when another process writes into it as well, and to give them back would grant them to what that process wrote.
 */
export function keepMode(fd: number, old: Stats): string[] {
  if (fstatSync(fd).mode === old.mode) return [];
  if (!isRestorable(old))
    return ['the set-user-ID or set-group-ID bit is dropped: others may also write to the file'];
  try {
    fchmodSync(fd, old.mode & allBits);
    return [];
  } catch {
    return ['the set-user-ID or set-group-ID bit is dropped: only the owner of the file can keep it'];
  }
}

/** An owner may make a file set-user-ID whatever is in it, but not set-group-ID of any group. */
function isRestorable(file: Stats): boolean {
  const user = process.geteuid?.();
  const isOwn = file.uid === user;
  // Who is neither will be told by the kernel.
  if (!isOwn && user !== 0) return true;
  return (file.mode & othersMayWrite) === 0 && (isOwn || (file.mode & 0o2000) === 0);
}

/** Whether only this user may write into a file. The bits of the group are those of an ACL as well. */
export function isOnlyOurs({uid, mode}: Stats): boolean {
  return uid === (process.geteuid?.() ?? uid) && (mode & othersMayWrite) === 0;
}
