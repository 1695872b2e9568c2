/*
 * Who controls where a path leads.
 *
 * Suppose root copies `/home/eve/data` for everybody to read. The user eve owns the directory, and can make `data` a
 * link to a file that only root may read, or put a private file of root's there under that name, before or while root
 * looks. The path alone does not show that root did not mean this. So a path through something that another user can
 * change may end only at what that user could read anyway, so that the user gains nothing. This resembles the kernel's
 * protected_symlinks (proc_sys_fs(5)), but is both wider and narrower: it covers every directory on the way, not only
 * sticky ones, and allows links to what everybody may read.
 */
import type {BigIntStats} from 'node:fs';

/** How far a path can be trusted. */
export interface Trust {
  /** The other user who controls where the path leads, or `anybody`; undefined if only root and this user do. */
  readonly foreigner: bigint | 'anybody' | undefined;
  /** The same for the links alone. */
  readonly linkedBy: bigint | 'anybody' | undefined;
  /** Whether that user can pass through every directory from there on. */
  readonly isOpen: boolean;
}

export const fullTrust: Trust = {foreigner: undefined, linkedBy: undefined, isOpen: true};

const own = () => BigInt(process.geteuid?.() ?? 0);

/**
 * Whether more than the owner may write. Root's own group is no exception: if there is an ACL, these bits are its mask
 * (acl(5)).
 */
const isShared = (mode: bigint) => (mode & 0o022n) !== 0n;

/** The trust after going through a directory, by its name, or through a link in one. */
export function throughDirectory(trust: Trust, {uid, mode}: BigIntStats): Trust {
  const isSticky = (mode & 0o1000n) !== 0n;
  const here = isSticky || !isShared(mode) ? suspect(trust, uid) : suspect(trust, 'anybody');
  const mayPass = here.foreigner === undefined || here.foreigner === uid || (mode & 0o001n) !== 0n;
  return {...here, isOpen: here.isOpen && mayPass};
}

/** The trust after following a link, whose target depends on its owner and on those who could put it there. */
export function throughLink(trust: Trust, {uid}: BigIntStats): Trust {
  const here = suspect(trust, uid);
  return {...here, linkedBy: here.foreigner};
}

/** The trust in what a file says, which depends on its owner and on all who may write it. */
export function throughContent(trust: Trust, {uid, mode}: BigIntStats): Trust {
  return suspect(trust, isShared(mode) ? 'anybody' : uid);
}

/** Whether another user may be able to get through a directory, perhaps as a member of its group or by its ACL. */
export function mayEnter(who: Trust['foreigner'], {uid, mode}: BigIntStats): boolean {
  const isHis = who === 'anybody' ? uid !== 0n && uid !== own() : uid === who;
  return isHis || (mode & 0o011n) !== 0n;
}

/** The initial trust in a path that another user supplies, such as one in their file. */
export function wordOf(foreigner: Trust['foreigner']): Trust {
  return {foreigner, linkedBy: undefined, isOpen: true};
}

/** Combine several foreigners into one. */
export function together(foreigners: Iterable<Trust['foreigner']>): Trust['foreigner'] {
  const all = new Set([...foreigners].filter((one) => one !== undefined));
  return all.size > 1 ? 'anybody' : [...all][0];
}

/** Whether the file that a path ends at may be read and shown to others. */
export function mayShow({foreigner, isOpen}: Trust, {uid, mode}: BigIntStats): boolean {
  if (foreigner === undefined) return true;
  return isOpen && (foreigner === uid || (mode & 0o004n) !== 0n);
}

/**
 * Whether the contents of a directory that a path ends at may be changed: a user's link may lead only to that user's
 * files.
 */
export function mayChange({linkedBy}: Trust, {uid}: BigIntStats): boolean {
  return linkedBy === undefined || linkedBy === uid;
}

function suspect(trust: Trust, who: bigint | 'anybody'): Trust {
  if (who === 0n || who === own() || who === trust.foreigner) return trust;
  return {...trust, foreigner: trust.foreigner === undefined ? who : 'anybody'};
}
