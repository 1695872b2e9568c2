import {hex} from '../../errors.js';
import {PT} from '../constants.js';
import {findBrokenNotes} from '../notes.js';
import type {ElfView} from '../view.js';
import {isWithoutBytes} from '../without-bytes.js';
import type {Problem} from './problem.js';

/** A note whose own lengths run past its section or segment: readers stop there and miss what follows. */
export function* checkNotes(view: ElfView): Generator<Problem> {
  if (isWithoutBytes(view, PT.PT_NOTE)) return;
  for (const {offset, end, limit} of findBrokenNotes(view)) {
    const message = `the note at ${hex(offset)} ends at ${hex(end)}, past the end of the notes at ${hex(limit)}`;
    yield {code: 'BAD_NOTE', message, offset};
  }
}
