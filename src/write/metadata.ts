/*
 * Owner and mode of a file that takes the place of another. The set-user-ID bit of a file is a grant by its owner: on
 * a file of somebody else it would grant what nobody granted.
 */
import {fchmodSync, fchownSync, fstatSync, type Stats} from 'node:fs';

const permissions = 0o777;
const allBits = 0o7777;
const setIds = 0o6000;

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
    : ['the set-user-ID or set-group-ID bit is left out: the owner is another'];
}

/** The kernel takes set-ID bits from a file that an ordinary user writes into; its owner may give them back. */
export function keepMode(fd: number, {mode}: Stats): string[] {
  if (fstatSync(fd).mode === mode) return [];
  try {
    fchmodSync(fd, mode & allBits);
    return [];
  } catch {
    return ['the set-user-ID or set-group-ID bit is lost: only the owner could keep it'];
  }
}
