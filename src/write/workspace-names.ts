/*
 * The names of workspaces and of what is in them (workspace.ts).
 */
import {identityPattern} from './process-identity.js';

/** Names of workspaces begin with this; the identity of the process and random letters follow, each after a dash. */
export const workspacePrefix = '.elfinterp-edit';

/** The files of a workspace are named after descriptor numbers, which begin after those that every process has. */
export const firstNumber = 3;

/** How many files of a workspace are targets: cp gets each of them as a descriptor. */
export const mostFiles = 128;

/** The name of a whole directory in a workspace. */
export const treeName = 'elfinterp-tree';

/** Names of records of what an edit in place writes over (undo-record.ts) begin like this; a number follows. */
const undoPrefix = 'elfinterp-undo-';

/** The empty file that marks a directory as a workspace. */
export const markName = 'elfinterp-workspace';

/** A file that is made to learn the time, and removed at once. */
export const clockName = 'elfinterp-now';

const workspace = new RegExp(`^\\${workspacePrefix}-(${identityPattern})-\\w{6}$`);

/** The identity of the process whose workspace a name is; undefined for any other name. */
export function ownerOf(name: string): string | undefined {
  return workspace.exec(name)?.[1];
}

/** Whether a name is that of a workspace. */
export function isWorkspaceName(name: string): boolean {
  return workspace.test(name);
}

/** Whether a directory with these names has the mark, and nothing that a workspace cannot have. */
export function isWorkspace(names: readonly string[]): boolean {
  const isKnown = (one: string) =>
    [markName, treeName, clockName].includes(one) || isNumber(one) || isUndoName(one);
  return names.includes(markName) && names.every(isKnown);
}

function isNumber(name: string): boolean {
  // Each file may need a second one, to look for capabilities.
  const end = firstNumber + 2 * mostFiles;
  return /^[1-9]\d{0,2}$/.test(name) && Number(name) >= firstNumber && Number(name) < end;
}

const undo = new RegExp(`^(${undoPrefix}[1-9]\\d{0,2})(?:-(${identityPattern}))?$`);

/**
 * The name of a record. Whoever writes to its file, or back, has their identity in it: not in the name of the workspace,
 * which the owner of the directory can change.
 */
export function undoName(number: number, writer: string): string {
  return `${undoPrefix}${number}-${writer}`;
}

/** Whether a name is that of a record. */
export function isUndoName(name: string): boolean {
  return undo.test(name);
}

/** The part of a record's name that never changes; it is the whole name if nobody is writing. */
export function baseOfUndo(name: string): string {
  return undo.exec(name)?.[1] ?? name;
}

/** Who is writing to the file of a record; undefined if nobody is. */
export function writerOf(name: string): string | undefined {
  return undo.exec(name)?.[2];
}
