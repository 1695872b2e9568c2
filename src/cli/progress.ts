import type {OnProgress} from '../index.js';
import type {Output} from './output.js';
import {safe} from './safe-text.js';
import {short} from './size.js';

/** A copy of at least this many bytes is announced as soon as it starts. */
const longCopy = 1 << 28;

/** Show what the library is doing on the status line. */
export function showProgress({status}: Output): OnProgress {
  return ({step, path, done, total}) => {
    const amount = done === 0 ? short(total) : `${short(done)} of ${short(total)}`;
    status(safe`${step} ${amount}: ${path}`, step === 'copying' && done === 0 && total >= longCopy);
  };
}
