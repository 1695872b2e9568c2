import type {OnProgress} from '../index.js';
import type {Output} from './output.js';
import {safe} from './safe-text.js';
import {short} from './size.js';

/** Bytes from which on a copy is worth announcing before it has taken any time. */
const longCopy = 1 << 28;

/** Show what the library is doing on the line for it. */
export function showProgress({status}: Output): OnProgress {
  return ({step, path, done, total}) => {
    const amount = done === 0 ? short(total) : `${short(done)} of ${short(total)}`;
    status(safe`${step} ${amount}: ${path}`, step === 'copying' && done === 0 && total >= longCopy);
  };
}
