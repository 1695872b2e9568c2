import {hex, type Placement, type Plan} from '../../index.js';
import type {Output} from '../output.js';
import {safe} from '../safe-text.js';
import {counted} from '../size.js';

const placeNames: Readonly<Record<Placement, string>> = {
  none: 'nothing to do',
  'in-place': 'in place',
  slack: 'existing slack',
  'new-segment': 'a new segment',
};

/** Say in one line what a plan changes, and what that costs. */
export function summarize(plan: Plan): string {
  const bytes = plan.writes.reduce((sum, write) => sum + write.bytes.length, 0);
  const growth = plan.outputSize - plan.inputSize;
  const size = growth === 0 ? 'size unchanged' : `${growth > 0 ? '+' : ''}${counted(growth, 'byte')}`;
  return plan.writes.length === 0
    ? 'nothing to do'
    : `${plan.changes.join('; ')} (${placeNames[plan.placement]}: ${counted(bytes, 'byte')} written, ${size})`;
}

/** Print what would be written where, and why. */
export function printPlan(path: string, plan: Plan, output: Output): void {
  output.line(safe`${path}: ${summarize(plan)}`);
  for (const {offset, bytes, reason} of plan.writes) {
    const unit = bytes.length === 1 ? 'byte ' : 'bytes';
    output.line(safe`  ${hex(offset).padStart(10)}  ${String(bytes.length).padStart(7)} ${unit}  ${reason}`);
  }
  for (const note of plan.notes) output.line(safe`  note: ${note}`);
}
