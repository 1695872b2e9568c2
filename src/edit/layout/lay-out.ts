import type {Draft, EditResult} from './draft.js';
import {makeDynamicRoom} from './dynamic-room.js';
import {encode} from './encode.js';
import {type PlaceOptions, placeStrings} from './string-table.js';

/**
 * Lay out what an edit changed in a draft: make room for its dynamic entries, find places for their strings, move
 * whatever is in the way, and encode the records. An extra entry takes a spare slot, which counts as slack.
 *
 * @throws ElfError NO_ROOM when that takes a segment that cannot be added
 */
export function layOut(draft: Draft, strings: PlaceOptions = {}): EditResult {
  const {dynamic} = draft.view;
  draft.placed(draft.entries.length > (dynamic?.entries.length ?? 0) ? 'slack' : 'in-place');
  makeDynamicRoom(draft);
  placeStrings(draft, [], strings);
  return encode(draft);
}
