import type {ElfView} from './view.js';

/** What is known of each view, by the function that worked it out. One weak entry a view: they are what costs. */
const known = new WeakMap<ElfView, Map<unknown, unknown>>();

/**
 * Work something out once for each view, however often it is asked for: one plan asks twenty times how many symbols
 * there are. What throws is tried again.
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
