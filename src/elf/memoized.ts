import type {ElfView} from './view.js';

/**
 * The results for each view, by the function that computed them. One weak entry per view: weak entries are the
 * expensive part.
 */
const known = new WeakMap<ElfView, Map<unknown, unknown>>();

/**
 * Compute something once per view, however often it is needed: one plan asks for the number of symbols twenty times. A
 * computation that throws is tried again.
 */
export function memoizedPerView<T>(workOut: (view: ElfView) => T): (view: ElfView) => T {
  return (view) => {
    let ofView = known.get(view);
    if (ofView === undefined) {
      ofView = new Map();
      known.set(view, ofView);
    }
    if (ofView.has(workOut)) return ofView.get(workOut) as T;
    const value = workOut(view);
    ofView.set(workOut, value);
    return value;
  };
}
