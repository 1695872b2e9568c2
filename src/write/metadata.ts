/*
 * Owner and mode of a file that replaces another. A set-user-ID bit is a grant by the file's owner: on another user's
 * file it would grant something that the owner never granted.
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
 * Give an open file, whose owner is already set, the mode of `input`, as far as this owner may have it. An ACL stays as
 * it is, since the bits that it shares with the mode do not change.
 *
 * @param isSaid whether the user has already been told that the owner differs
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
 * The kernel clears set-ID bits when an ordinary user writes to a file; its owner may restore them. But it also clears
 * them when another process writes to the file, and restoring them would grant them to what that process wrote.
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

/**
 * An owner may make a file set-user-ID whatever it contains, but cannot make it set-group-ID for an arbitrary group.
 */
function isRestorable(file: Stats): boolean {
  const user = process.geteuid?.();
  const isOwn = file.uid === user;
  // For any other user, the kernel decides.
  if (!isOwn && user !== 0) return true;
  return (file.mode & othersMayWrite) === 0 && (isOwn || (file.mode & 0o2000) === 0);
}

/** Whether only this user may write to a file. With an ACL, the group bits are its mask. */
export function isOnlyOurs({uid, mode}: Stats): boolean {
  return uid === (process.geteuid?.() ?? uid) && (mode & othersMayWrite) === 0;
}
