/*
 * What a process leaves that is killed during an edit in place.
 */
import {readdirSync, readFileSync, renameSync} from 'node:fs';
import path from 'node:path';
import type {EditRequest, Plan} from '../../src/index.js';
import {openTarget} from '../../src/write/editable.js';
import {prepareInPlace} from '../../src/write/in-place.js';
import {ownIdentity} from '../../src/write/process-identity.js';
import {Workspaces} from '../../src/write/workspace.js';
import {workspacePrefix} from '../../src/write/workspace-names.js';
import {planFor} from './edits.js';

/** The workspaces in a directory. */
export function workspacesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(workspacePrefix))
    .map((name) => path.join(directory, name));
}

/** The records in a workspace. */
export function recordsIn(workspace: string): string[] {
  return readdirSync(workspace)
    .filter((name) => name.includes('undo'))
    .map((name) => path.join(workspace, name));
}

/** Begin to edit a file in place, and leave what is beside it then. @returns the plan, and the workspace */
export function leaveRecord(file: string, request: EditRequest): {plan: Plan; workspace: string} {
  const plan = planFor(readFileSync(file), request);
  const directory = path.dirname(file);
  const before = workspacesIn(directory);
  const target = openTarget(file);
  const change = prepareInPlace(target, plan, new Workspaces());
  change.complete(undefined);
  change.close();
  target.close();
  const workspace = workspacesIn(directory).find((one) => !before.includes(one)) ?? '';
  return {plan, workspace};
}

/** Let a process that is gone have made a workspace. @returns its new path */
export function disown(workspace: string): string {
  return rename(workspace, (name) => {
    const [pid = ''] = ownIdentity().split('-');
    return name.replace(`-${pid}-`, `-${pid}-1`);
  });
}

/** Let a process elsewhere have made a workspace, of which it cannot be told whether it is running. */
export function moveElsewhere(workspace: string): string {
  return rename(workspace, (name) =>
    name.replace(/-(\d+)-(\d+)-([0-9a-f]{8})(?=$|-\w{6}$)/, '-$1-$2-00000000'),
  );
}

function rename(workspace: string, change: (name: string) => string): string {
  for (const record of recordsIn(workspace))
    renameSync(record, path.join(workspace, change(path.basename(record))));
  const renamed = path.join(path.dirname(workspace), change(path.basename(workspace)));
  renameSync(workspace, renamed);
  return renamed;
}

/** The file after some writes of a plan, and a part of the next one. */
export function partly(old: Buffer, plan: Plan, count: number): Buffer {
  const bytes = Buffer.concat([old, Buffer.alloc(plan.outputSize - old.length)]);
  for (const write of plan.writes.slice(0, count)) bytes.set(write.bytes, write.offset);
  const next = plan.writes[count];
  if (next !== undefined) bytes.set(next.bytes.subarray(0, next.bytes.length >> 1), next.offset);
  return bytes;
}
