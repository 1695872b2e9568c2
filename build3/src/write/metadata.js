/*
 * Owner and mode of a file that takes the place of another. The set-user-ID bit of a file is a grant by its owner: on
 * a file of somebody else it would grant what nobody granted.
 */
import {chmodSync, fchmodSync, fchownSync, fstatSync, statSync} from 'node:fs';

const permissions = 0o777;
const setIds = 0o6000;
/**
 * Give an open file the mode of `input` and the owner of `like`.
 *
 * @returns what could not be kept, in words
 */
export function setMetadata(fd, input, like) {
  const notes = [];
  const own = fstatSync(fd);
  if (own.uid !== like.uid || own.gid !== like.gid) {
    try {
      fchownSync(fd, like.uid, like.gid);
    } catch {
      notes.push(`the owner ${like.uid}:${like.gid} could not be kept`);
    }
  }
  // After the owner, since chown(2) clears the set-ID bits.
  const now = fstatSync(fd);
  const isOwner = now.uid === input.uid && now.gid === input.gid;
  fchmodSync(fd, input.mode & (isOwner ? 0o7777 : permissions));
  if (!isOwner && (input.mode & setIds) !== 0 && notes.length === 0) {
    notes.push('the set-user-ID or set-group-ID bit is left out: the owner is another');
  }
  return notes;
}
/** The kernel takes set-ID bits from a file that an ordinary user writes into; its owner may give them back. */
export function keepMode(path, {mode}) {
  if (statSync(path).mode === mode) return [];
  try {
    chmodSync(path, mode & 0o7777);
    return [];
  } catch {
    return ['the set-user-ID or set-group-ID bit is lost: only the owner could keep it'];
  }
}
//# sourceMappingURL=metadata.js.map
