import {type ElfView, programInside} from '../index.js';
import type {Output} from './output.js';
import {safe} from './safe-text.js';

/** The program to describe: for a packed file, the one inside, with a note that says so. */
export function inside(view: ElfView, path: string, output: Output): ElfView {
  const program = programInside(view);
  if (program === undefined) return view;
  output.note(safe`${path}: packed; showing the program inside`);
  return program;
}
